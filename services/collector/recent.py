"""The users' side of the last seconds, for stop conditions: kept as it comes in, apart from the raw files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lab.clock import NS
from lab.content.stack import StackPart
from lab.recording.status import ANSWERED
from lab.registration.slis import AVAILABILITY, ERROR_RATIO, LATENCY_P50_S, LATENCY_P95_S, LATENCY_P99_S

KEEP_S = 120.0
PROGRESS = "load_progress"
PERCENT = {LATENCY_P50_S: 50, LATENCY_P95_S: 95, LATENCY_P99_S: 99}
COUNTS = ("due", "sent", "finished", "failed", "overdue")


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Of sorted values the smallest that so many per cent do not exceed; None for none."""
    return values[-(-percent * len(values) // 100) - 1] if values else None


class Recent:
    """SLIs of the last seconds of real time, from the spans of `users` and what the world's part of the stack counts.

    Beside them, what the load says of itself: a request that it sent and that did not end within the shoppers' own
    timeout has failed for them, though there is no span of it.
    """

    def __init__(self, users: str, part: StackPart, now_s: Callable[[], float]) -> None:
        self._users = users
        self._part = part
        self._now_s = now_s
        self._requests: deque[tuple[float, float, bool]] = deque()
        self._counts: dict[str, deque[tuple[float, int]]] = {name: deque() for name in part.counted}
        self._progress: dict[int, tuple[float, Mapping[str, int]]] = {}

    def forget(self) -> None:
        """A new run begins."""
        for entries in (self._requests, *self._counts.values(), self._progress):
            entries.clear()

    def add_spans(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in spans; those of others than the users do not count."""
        for span in records:
            if span["service"] == self._users and span["kind"] == "client":
                failed = span["attributes"].get("lab.status", "ok") not in ANSWERED
                seconds = (span["end_ns"] - span["start_ns"]) / NS
                self._requests.append((span["end_ns"] / NS, seconds, failed))
        self._forget(self._requests)

    def add_logs(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in log events; those that the world counts and the load's own counts do."""
        for event in records:
            at_s, attributes = event["time_ns"] / NS, event["attributes"]
            for name, counted in self._part.counted.items():
                if event["event"] == counted.event:
                    self._counts[name].append((at_s, counted.of(attributes)))
            if event["event"] == PROGRESS:
                counts = {name: int(attributes[name]) for name in COUNTS}
                if at_s >= self._progress.get(int(attributes["worker"]), (0.0, {}))[0]:
                    self._progress[int(attributes["worker"])] = (at_s, counts)
        for entries in self._counts.values():
            self._forget(entries)

    def slis(self, window_s: float) -> dict[str, float | None]:
        """The core's SLIs and the world's ratios over the last `window_s` real seconds, null if unknown.

        What is overdue counts as failed.
        """
        since_s = self._now_s() - window_s
        mine = [(seconds, failed) for at_s, seconds, failed in self._requests if at_s >= since_s]
        waits = sorted(seconds for seconds, _ in mine)
        overdue = self._sums()["overdue"]
        requests, failed = len(mine) + overdue, sum(failed for _, failed in mine) + overdue
        sums = {name: sum(n for at_s, n in found if at_s >= since_s) for name, found in self._counts.items()}
        ratios = self._part.ratios.items()
        return {
            ERROR_RATIO: failed / requests if requests else None,
            AVAILABILITY: 1 - failed / requests if requests else None,
            **{name: percentile(waits, percent) for name, percent in PERCENT.items()},
            **{name: sums[part] / sums[whole] if sums[whole] else None for name, (part, whole) in ratios},
        }

    def load(self) -> dict[str, float | None]:
        """What the load's workers say of the run: requests due, sent, finished, failed, unfinished, overdue.

        `load_age_s`: how long ago the worker that has been silent for longest was heard, null before any.
        """
        sums = self._sums()
        heard_s = [at_s for at_s, _ in self._progress.values()]
        age_s = max(0.0, self._now_s() - min(heard_s)) if heard_s else None
        return {**sums, "unfinished": sums["sent"] - sums["finished"], "load_age_s": age_s}

    def _sums(self) -> dict[str, int]:
        return {name: sum(counts[name] for _, counts in self._progress.values()) for name in COUNTS}

    def _forget(self, entries: deque[Any]) -> None:
        since_s = self._now_s() - KEEP_S
        while entries and entries[0][0] < since_s:
            entries.popleft()
