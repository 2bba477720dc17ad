"""The users' side of a run by scrape interval, kept as it comes in: what the steady state is judged on while it runs.

The numbers are those that the recording will have for the same intervals: counted by the end of each request, the
percentile by the same rule as in the metrics.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.agreed.run import Run
from lab.clock import NS
from lab.content.stack import Counted
from lab.recording.status import ANSWERED
from services.collector.recent import percentile

PERCENT = (50, 95, 99)
"""Percentiles of what users waited: `p50`, ..."""


@dataclass
class _Interval:
    seconds: array[float] = field(default_factory=lambda: array("d"))
    failed: int = 0
    counts: Counter[str] = field(default_factory=Counter)


class Intervals:
    """Requests of one run, and what its world counts, by interval of `interval_s` scenario seconds."""

    def __init__(self, users: str, counted: Mapping[str, Counted], interval_s: float, run: Run) -> None:
        self._users = users
        self._counted = counted
        self._interval_s = interval_s
        self._run = run
        self._found: dict[int, _Interval] = {}

    def add_spans(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in spans; those of others than the users do not count."""
        for span in records:
            if span["service"] == self._users and span["kind"] == "client":
                interval = self._at(span["end_ns"])
                interval.seconds.append((span["end_ns"] - span["start_ns"]) / NS)
                interval.failed += span["attributes"].get("lab.status", "ok") not in ANSWERED

    def add_logs(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Takes in log events; those that the world counts do."""
        for event in records:
            for name, counted in self._counted.items():
                if event["event"] == counted.event:
                    self._at(event["time_ns"]).counts[name] += counted.of(event["attributes"])

    def rows(self, until_s: float) -> list[dict[str, float | None]]:
        """The intervals from scenario second 0 that ended by `until_s`, in order; null where nothing was measured."""
        found = []
        for n in range(math.floor(until_s / self._interval_s)):
            interval = self._found.get(n, _Interval())
            waits = sorted(interval.seconds)
            found.append(
                {
                    "time_s": (n + 1) * self._interval_s,
                    "requests": len(waits),
                    "failed": interval.failed,
                    **{f"p{p}": percentile(waits, p) for p in PERCENT},
                    **{name: interval.counts[name] for name in self._counted},
                }
            )
        return found

    def _at(self, unix_ns: int) -> _Interval:
        time_s = self._run.scenario_s(unix_ns / NS)
        return self._found.setdefault(math.floor(time_s / self._interval_s), _Interval())
