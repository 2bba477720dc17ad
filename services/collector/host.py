"""The host under the containers, as its kernel sees it: pressure stall information and steal, by scrape interval."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.registration.observability import HOST

PRESSURE, STEAL = "system.pressure.stalled.ratio", "system.cpu.steal.ratio"
RESOURCES = ("cpu", "memory", "io")
_TOTAL = re.compile(r"^(some|full) .*total=(\d+)$", re.MULTILINE)
_STEAL, _GUEST = 7, 8
Sample = tuple[str, str, float, str]
"""(host, metric, value, attribute)"""


class HostSampler:
    """Shares of the time since the last call, from the counters below `proc`. What a kernel lacks is left out.

    A container sees its host's counters there, and not its own.
    """

    def __init__(self, proc: Path = Path("/proc"), now_s: Callable[[], float] = time.monotonic) -> None:
        self._proc = proc
        self._now_s = now_s
        self._before: tuple[float, dict[str, int]] | None = None

    def sample(self) -> list[Sample]:
        """Samples since the last call; none at the first."""
        before, self._before = self._before, (self._now_s(), dict(self._counters()))
        if before is None:
            return []
        (then_s, old), (now_s, new) = before, self._before
        grown = {name: new[name] - old[name] for name in new if new[name] >= old.get(name, new[name] + 1)}
        samples = []
        if now_s > then_s:
            for name, stalled_us in grown.items():
                if name not in ("steal", "all"):
                    share = stalled_us / 1e6 / (now_s - then_s)
                    samples.append((HOST, PRESSURE, min(1.0, share), name))
        if grown.get("all") and "steal" in grown:
            samples.append((HOST, STEAL, min(1.0, grown["steal"] / grown["all"]), ""))
        return samples

    def _counters(self) -> Iterator[tuple[str, int]]:
        """Running totals: microseconds stalled by resource and kind, and ticks of CPU time, stolen and in all."""
        for resource in RESOURCES:
            for kind, total in _TOTAL.findall(self._read(f"pressure/{resource}")):
                if (resource, kind) != ("cpu", "full"):  # all tasks wait for the CPU: that is not defined for a host
                    yield f"{resource}.{kind}", int(total)
        ticks = [int(count) for count in self._read("stat").partition("\n")[0].split()[1:]]
        if len(ticks) > _STEAL:
            yield "steal", ticks[_STEAL]
            yield "all", sum(ticks[:_GUEST])  # a guest's time counts as user time already

    def _read(self, name: str) -> str:
        try:
            return (self._proc / name).read_text(encoding="ascii")
        except OSError:  # a kernel without it, or with it switched off
            return ""
