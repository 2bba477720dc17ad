"""From the spans that processes wrote to what a recording holds: spans and the metrics that follow from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lab.recording.observability import reduce
from lab.recording.observed import Observed, arrow_table
from lab.recording.slis import alerts
from lab.systems.topology import System
from lab.testbeds.sim.collect import describe

FAILED = ("error", "timeout", "refused", "reset", "dependency_failed")


def observed(files: Iterable[Path], system: System, start_unix_s: float, time_scale: float, end_s: float) -> Observed:
    """What could be observed between scenario second 0 and `end_s`."""
    spans = pd.DataFrame([span for file in files for span in _lines(file)], columns=_FIELDS)
    spans["time_s"] = (spans["start"] - start_unix_s) * time_scale
    spans["ended_s"] = (spans["end"] - start_unix_s) * time_scale
    spans["duration_s"] = spans["end"] - spans["start"]  # what a process takes is real time, whatever the scale
    spans = spans[(spans["time_s"] >= 0) & (spans["ended_s"] <= end_s)].sort_values(["time_s", "span"])
    tables = {
        "spans": arrow_table("spans", _spans(spans)),
        "metrics": arrow_table("metrics", _metrics(spans, system, end_s)),
        "logs": arrow_table("logs", {name: [] for name in _LOGS}),
    }
    found = reduce(Observed(describe(system, end_s), tables, [], []))
    found.alerts = alerts(found.frame("metrics"), system)
    return found


_FIELDS = ["start", "end", "trace", "span", "parent", "service", "peer", "kind", "name", "status", "attempt"]
_LOGS = ["time_s", "service.name", "severity_text", "event.name", "trace_id", "subject", "duration_s", "body"]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # the last may be half written
                yield json.loads(line)


def _spans(spans: pd.DataFrame) -> dict[str, Any]:
    return {
        "time_s": spans["time_s"].to_numpy(float), "duration_s": spans["duration_s"].to_numpy(float),
        "trace_id": spans["trace"].tolist(), "span_id": spans["span"].tolist(),
        "parent_span_id": [parent if isinstance(parent, str) else None for parent in spans["parent"]],
        "service.name": spans["service"].tolist(),
        "peer.service": spans["peer"].tolist(), "span.kind": spans["kind"].tolist(),
        "span.name": spans["name"].tolist(), "status": spans["status"].tolist(),
        "attempt": spans["attempt"].to_numpy(int),
    }  # fmt: skip


def _metrics(spans: pd.DataFrame, system: System, end_s: float) -> dict[str, Any]:
    """Counts and durations of each scrape interval, by link for callers and by component for callees."""
    interval_s = system.scrape_interval_s
    count = int(end_s // interval_s)
    rows: list[tuple[float, str, str, str | None, None, float]] = []
    for number in range(count):
        end = (number + 1) * interval_s
        within = spans[(spans["ended_s"] > end - interval_s) & (spans["ended_s"] <= end)]
        for link in system.links:
            caller, callee = link.split("->")
            mine = within[(within["kind"] == "client") & (within["service"] == caller) & (within["peer"] == callee)]
            rows += [(end, caller, name, callee, None, value) for name, value in _of_calls("client", mine)]
        for name, spec in system.components.items():
            if spec.kind != "users":
                mine = within[(within["kind"] == "server") & (within["service"] == name)]
                rows += [(end, name, metric, None, None, value) for metric, value in _of_calls("server", mine)]
    columns = ("time_s", "service.name", "metric", "peer.service", "attribute", "value")
    return {column: [row[i] for row in rows] for i, column in enumerate(columns)}


def _of_calls(side: str, spans: pd.DataFrame) -> Iterator[tuple[str, float]]:
    yield f"{side}.request.count", float(len(spans))
    yield f"{side}.error.count", float(spans["status"].isin(FAILED).sum())
    if side == "client":
        yield "client.timeout.count", float((spans["status"] == "timeout").sum())
    if len(spans):
        durations_s = spans["duration_s"].to_numpy(float)
        yield f"{side}.request.duration.mean", float(durations_s.mean())
        for share in (50, 95):
            yield f"{side}.request.duration.p{share}", float(np.percentile(durations_s, share))
