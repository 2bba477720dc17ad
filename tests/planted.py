"""Real recordings of the embedded testbed with oddities of real machines planted in them: what no simulator makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lab.recording.observed import Observed, arrow_table

Named = dict[str, Any]


def changed(observed: Observed, **frames: pd.DataFrame) -> Observed:
    """The recording with other rows in some of its tables."""
    schema = observed.schema
    tables = {name: arrow_table(name, {c: frame[c] for c in frame.columns}, schema) for name, frame in frames.items()}
    return replace(observed, tables={**observed.tables, **tables}, _frames={})


def stalled(observed: Observed, at_s: float, timeouts: Mapping[str, int]) -> Observed:
    """The machine stands still within the interval that ends at `at_s`: so many calls of these links time out."""
    metrics = observed.frame("metrics").copy()
    for link, count in timeouts.items():
        caller, callee = link.split("->")
        for metric in ("client.timeout.count", "client.error.count"):
            metrics.loc[_rows(metrics, at_s, caller, metric, callee), "value"] += count
        metrics.loc[_rows(metrics, at_s, callee, "server.request.count"), "value"] -= count
    return changed(observed, metrics=metrics)


def late(observed: Observed, from_s: float, until_s: float, delays_s: Mapping[str, float]) -> Observed:
    """Calls over these links that begin between two times are answered so much later, where they are answered."""
    spans = observed.frame("spans").copy()
    within = (spans["time_s"] >= from_s) & (spans["time_s"] < until_s) & spans["status"].isin(["ok", "miss"])
    for link, delay_s in delays_s.items():
        spans.loc[within & _client(spans, link), "duration_s"] += delay_s
    return changed(observed, spans=spans)


def answered_late(observed: Observed, from_s: float, until_s: float, link: str, duration_s: float) -> Observed:
    """Calls over a link that failed between two times got an answer after all, late."""
    spans = observed.frame("spans").copy()
    at = (spans["time_s"] >= from_s) & (spans["time_s"] < until_s) & _client(spans, link)
    spans["status"] = spans["status"].astype(str)
    spans.loc[at, ["duration_s", "status"]] = [duration_s, "ok"]
    return changed(observed, spans=spans)


def _client(spans: pd.DataFrame, link: str) -> Any:
    caller, callee = link.split("->")
    return (spans["span.kind"] == "client") & (spans["service.name"] == caller) & (spans["peer.service"] == callee)


def _rows(metrics: pd.DataFrame, at_s: float, component: str, metric: str, peer: str | None = None) -> Any:
    found = np.isclose(metrics["time_s"], at_s) & (metrics["service.name"] == component) & (metrics["metric"] == metric)
    return found & (metrics["peer.service"] == peer if peer else metrics["peer.service"].isna())


def emptied(table: pa.Table) -> pa.Table:
    """The table without its rows."""
    return table.slice(0, 0)
