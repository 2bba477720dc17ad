"""The users' side of the last seconds, for stop conditions: kept as it comes in, apart from the raw files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lab.clock import NS
from lab.recording.status import ANSWERED

KEEP_S = 120.0
PROGRESS = "load_progress"
COUNTS = ("due", "sent", "finished", "failed", "overdue")


class Recent:
    """SLIs of the last seconds of real time, from the spans of `users` and what they were shown and clicked.

    Beside them, what the load says of itself: a request that it sent and that did not end within the shoppers' own
    timeout has failed for them, though there is no span of it.
    """

    def __init__(self, users: str, now_s: Callable[[], float]) -> None:
        self._users = users
        self._now_s = now_s
        self._requests: deque[tuple[float, float, bool]] = deque()
        self._shown: deque[tuple[float, int]] = deque()
        self._clicked: deque[tuple[float, int]] = deque()
        self._progress: dict[int, tuple[float, Mapping[str, int]]] = {}

    def forget(self) -> None:
        """A new run begins."""
        for entries in (self._requests, self._shown, self._clicked, self._progress):
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
        """Takes in log events; pages shown, items clicked and the load's own counts do."""
        for event in records:
            at_s, attributes = event["time_ns"] / NS, event["attributes"]
            if event["event"] == "page_shown":
                self._shown.append((at_s, len(attributes.get("item_ids") or ())))
            elif event["event"] == "item_clicked":
                self._clicked.append((at_s, 1))
            elif event["event"] == PROGRESS:
                counts = {name: int(attributes[name]) for name in COUNTS}
                if at_s >= self._progress.get(int(attributes["worker"]), (0.0, {}))[0]:
                    self._progress[int(attributes["worker"])] = (at_s, counts)
        self._forget(self._shown)
        self._forget(self._clicked)

    def slis(self, window_s: float) -> dict[str, float | None]:
        """error_ratio, latency_p95_s and click_through_ratio over the last `window_s` real seconds, null if unknown.

        What is overdue counts as failed.
        """
        since_s = self._now_s() - window_s
        mine = [(seconds, failed) for at_s, seconds, failed in self._requests if at_s >= since_s]
        waits = sorted(seconds for seconds, _ in mine)
        overdue = self._sums()["overdue"]
        requests, failed = len(mine) + overdue, sum(failed for _, failed in mine) + overdue
        shown = sum(count for at_s, count in self._shown if at_s >= since_s)
        clicked = sum(count for at_s, count in self._clicked if at_s >= since_s)
        return {
            "error_ratio": failed / requests if requests else None,
            "latency_p95_s": waits[max(0, -(-95 * len(waits) // 100) - 1)] if waits else None,
            "click_through_ratio": clicked / shown if shown else None,
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
