"""The users' side of the last seconds, for stop conditions: kept as it comes in, apart from the raw files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lab.recording.status import MISS, NAMES

KEEP_S = 120.0
_ANSWERED = frozenset(NAMES[: MISS + 1])


class Recent:
    """SLIs of the last seconds of real time, from the spans of `users` and what they were shown and clicked."""

    def __init__(self, users: str, now_s: Callable[[], float]) -> None:
        self._users = users
        self._now_s = now_s
        self._requests: deque[tuple[float, float, bool]] = deque()
        self._shown: deque[tuple[float, int]] = deque()
        self._clicked: deque[tuple[float, int]] = deque()

    def add_spans(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in spans; those of others than the users do not count."""
        for span in records:
            if span["service"] == self._users and span["kind"] == "client":
                failed = span["attributes"].get("lab.status", "ok") not in _ANSWERED
                seconds = (span["end_ns"] - span["start_ns"]) / 1e9
                self._requests.append((span["end_ns"] / 1e9, seconds, failed))
        self._forget(self._requests)

    def add_logs(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in log events; pages shown and items clicked count."""
        for event in records:
            if event["event"] == "page_shown":
                self._shown.append((event["time_ns"] / 1e9, len(event["attributes"].get("item_ids") or ())))
            elif event["event"] == "item_clicked":
                self._clicked.append((event["time_ns"] / 1e9, 1))
        self._forget(self._shown)
        self._forget(self._clicked)

    def slis(self, window_s: float) -> dict[str, float | None]:
        """error_ratio, latency_p95_s and click_through_ratio over the last `window_s` real seconds, null if unknown."""
        since_s = self._now_s() - window_s
        mine = [(seconds, failed) for at_s, seconds, failed in self._requests if at_s >= since_s]
        waits = sorted(seconds for seconds, _ in mine)
        shown = sum(count for at_s, count in self._shown if at_s >= since_s)
        clicked = sum(count for at_s, count in self._clicked if at_s >= since_s)
        return {
            "error_ratio": sum(failed for _, failed in mine) / len(mine) if mine else None,
            "latency_p95_s": waits[max(0, -(-95 * len(waits) // 100) - 1)] if waits else None,
            "click_through_ratio": clicked / shown if shown else None,
        }

    def _forget(self, entries: deque[Any]) -> None:
        since_s = self._now_s() - KEEP_S
        while entries and entries[0][0] < since_s:
            entries.popleft()
