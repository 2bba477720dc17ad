"""The steady state judged while the run goes on, before anything is changed: by the recording's own definition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.content.stack import Counted
from lab.judging.steady import first_change_s
from lab.recording.observed import arrow_table
from lab.scenario import LoadedScenario

if TYPE_CHECKING:
    import pyarrow as pa

MIN_INTERVALS = 3
"""Scrape intervals before the first fault or decoy that it takes to call a state steady."""
TELEMETRY_REAL_S = 1.5
"""How long telemetry may take to be in: intervals that ended later than this before the first change are left out."""
BEFORE_REAL_S = 0.3
"""How long before the first change it is judged, so that the change is not late."""


def judged_until_s(loaded: LoadedScenario, time_scale: float) -> float:
    """The end of the last scrape interval that is whole and in before the first fault or decoy, scenario seconds."""
    interval_s = loaded.system.scrape_interval_s
    known_s = first_change_s(loaded.scenario) - TELEMETRY_REAL_S * time_scale
    return max(0, math.floor(known_s / interval_s)) * interval_s


def earliest_change_s(loaded: LoadedScenario, time_scale: float) -> float:
    """The first scenario second at which a fault or decoy may begin, so that the steady state can be judged."""
    return MIN_INTERVALS * loaded.system.scrape_interval_s + TELEMETRY_REAL_S * time_scale


def metrics_of(rows: list[dict[str, Any]], users: str, entry: str, counted: Mapping[str, Counted]) -> pa.Table:
    """The rows of the metrics table that SLIs are computed from, of the collector's counts by interval.

    `counted`: the world's own counts among them.
    """
    measured = [
        ("client.request.count", users, entry, "requests"),
        ("client.error.count", users, entry, "failed"),
        *((f"client.request.duration.{p}", users, entry, p) for p in ("p50", "p95", "p99")),
        *((count.metric, entry, None, name) for name, count in counted.items()),
    ]
    columns = ("time_s", "service.name", "metric", "peer.service", "attribute", "value")
    found = [
        (row["time_s"], service, metric, peer, None, row[name])
        for row in rows
        for metric, service, peer, name in measured
        if row[name] is not None
    ]
    return arrow_table("metrics", {name: [row[i] for row in found] for i, name in enumerate(columns)})
