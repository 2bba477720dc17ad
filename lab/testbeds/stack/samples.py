"""CPU of containers as their host sees it, by scrape interval; read from the Docker API in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from lab.clock import NS
from lab.systems.topology import System
from lab.testbeds.stack.compose import Compose

Sample = tuple[float, str, str, float]


class ContainerSampler:
    """Samples `process.cpu.utilization` and `process.cpu.throttled.ratio` while it is entered.

    `samples`: (end of interval in scenario seconds, component, metric, value).
    """

    def __init__(self, compose: Compose, system: System, now_s: Callable[[], float]) -> None:
        self.samples: list[Sample] = []
        self._compose = compose
        self._interval_s = system.scrape_interval_s
        self._now_s = now_s
        self._names = [n for n, c in system.components.items() if c.kind not in ("users", "job")]
        self._workers = {name: system.components[name].workers for name in self._names}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> ContainerSampler:
        containers = self._compose.containers()
        for name in self._names:
            if name in containers:
                arguments = (name, containers[name])
                self._threads.append(threading.Thread(target=self._follow, args=arguments, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _follow(self, name: str, container: Any) -> None:
        """Turns the engine's stream of counters (about one a second) into values at interval ends."""
        before: tuple[float, dict[str, Any]] | None = None
        from urllib3.exceptions import HTTPError

        try:
            for stats in container.stats(stream=True, decode=True):
                now_s = self._now_s()
                if self._stop.is_set():
                    return
                if before is None or now_s // self._interval_s > before[0] // self._interval_s:
                    if before is not None:
                        self._add(name, before, (now_s, stats))
                    before = (now_s, stats)
        except (
            OSError,
            HTTPError,
            ValueError,
            KeyError,
        ):  # the container went away: a gap in the samples, as a failed scrape is
            return

    def _add(self, name: str, before: tuple[float, dict[str, Any]], after: tuple[float, dict[str, Any]]) -> None:
        old, new = before[1]["cpu_stats"], after[1]["cpu_stats"]
        elapsed_ns = _unix_ns(after[1]["read"]) - _unix_ns(before[1]["read"])
        if elapsed_ns <= 0:
            return
        used = new["cpu_usage"]["total_usage"] - old["cpu_usage"]["total_usage"]
        throttled = new["throttling_data"]["throttled_time"] - old["throttling_data"]["throttled_time"]
        end_s = after[0] // self._interval_s * self._interval_s
        share = throttled / (used + throttled) if used + throttled > 0 else 0.0
        self.samples.append((end_s, name, "process.cpu.utilization", min(1.0, used / elapsed_ns / self._workers[name])))
        self.samples.append((end_s, name, "process.cpu.throttled.ratio", min(1.0, max(0.0, share))))


def _unix_ns(text: str) -> int:
    """Nanoseconds of the engine's time stamps, such as 2026-01-02T03:04:05.123456789Z."""
    from datetime import UTC, datetime

    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * NS + int((fraction + "000000000")[:9])
