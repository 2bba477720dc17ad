"""Stalls of the machine during a run: a process that should wake every few milliseconds records how late it was.

It is a process of its own, started as a script that imports nothing else: what it notes is the machine's doing, and not
the lab's.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType

TICK_S = 0.05
LATE_S = 0.1
"""A tick this late is a stall: most timeouts of a service lie above it, so that what is shorter breaks no call."""
SHARE_MAX = 0.02
"""A run may stall for this share of its time."""
END_WITHIN_S = 60.0


@dataclass(frozen=True)
class Stalls:
    """Stalls of the machine: Unix time at which each began, and how long it lasted, in seconds."""

    each: tuple[tuple[float, float], ...]

    @property
    def total_s(self) -> float:
        return sum(seconds for _, seconds in self.each)

    @property
    def longest_s(self) -> float:
        return max((seconds for _, seconds in self.each), default=0.0)

    def to_json(self) -> dict[str, float]:
        """For `run.json`."""
        return {"count": len(self.each), "total_s": round(self.total_s, 3), "longest_s": self.longest_s}

    def since(self, unix_s: float) -> Stalls:
        """Those that were not over by then."""
        return Stalls(tuple((at_s, seconds) for at_s, seconds in self.each if at_s + seconds > unix_s))

    def too_much(self, ran_s: float, interval_s: float) -> str:
        """Why a run of `ran_s` real seconds with scrape intervals of `interval_s` proves nothing; nothing if it does.

        A stall as long as an interval leaves an interval in which nothing happened as it should, and many short ones
        add up to as much. A run that ended while it warmed up ran for less than nothing.
        """
        ran_s = max(0.0, ran_s)
        longest = f"at most {self.longest_s:.1f} s at once"
        stalls = f"the machine stalled for {self.total_s:.1f} s of {ran_s:.0f} s, {longest}"
        if self.longest_s >= interval_s:
            return f"{stalls}; a scrape interval takes {interval_s:g} s"
        if self.total_s > SHARE_MAX * ran_s:
            return f"{stalls}; {SHARE_MAX:.0%} of the run is allowed"
        return ""


class Ticker:
    """Watches for stalls while it is entered; `stalls` afterwards, None where the watching process did not survive."""

    def __init__(self) -> None:
        self.stalls: Stalls | None = None

    def __enter__(self) -> Ticker:
        command = [sys.executable, "-I", "-S", __file__]
        # A session of its own: an interrupt at the terminal is meant for the lab.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            output, _ = self._process.communicate(timeout=END_WITHIN_S)
            self.stalls = Stalls(tuple((float(at_s), float(seconds)) for at_s, seconds in json.loads(output)))
        except (ValueError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


def watch() -> list[tuple[float, float]]:
    """Ticks until stdin ends; each tick that came late as (when it was due, how late it was).

    It uses the wall clock, as scenario time does, so a suspended machine has stalled too.
    """
    stalls: list[tuple[float, float]] = []
    is_over = False
    while not is_over:
        due_s = time.time() + TICK_S
        is_over = bool(select.select([sys.stdin], [], [], TICK_S)[0])
        late_s = time.time() - due_s
        if late_s >= LATE_S:
            stalls.append((round(due_s, 3), round(late_s, 3)))
    return stalls


if __name__ == "__main__":
    print(json.dumps(watch()))
