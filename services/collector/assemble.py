"""From the collector's raw files to `observed/`: the tables of the simulator, by the same definitions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lab.clock import NS
from lab.recording.observability import reduce
from lab.recording.observed import Observed, arrow_table
from lab.recording.slis import alerts
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim import metrics
from lab.testbeds.sim.collect import describe
from lab.worlds.shop.reference import files
from lab.worlds.shop.training import Model
from services.collector import content
from services.collector.sides import call_sides, span_frame, state_of, statement_frame
from services.common.run import Run

Sample = tuple[float, str, str, float]
"""(scenario time, component, metric, value over the interval that ended then)"""
_CPU_TOTAL = "process_cpu_seconds_total"
_RECORDED = ("cache.", "server.", "model.", "process.cpu.", "system.")


def assemble(
    directory: Path,
    run: Run,
    system: System,
    *,
    versions: list[Model],
    changes: list[dict[str, Any]],
    samples: Iterable[Sample] = (),
) -> Observed:
    """What was observed of a run.

    `directory` holds the collector's files after a flush. `versions`: the models behind the version numbers, in order.
    `changes`: the change log, in scenario seconds. `samples`: what only the containers' host can measure.
    """
    roles = {step.operation: str(step.call) for c in system.components.values() for step in c.steps if step.operation}
    spans = span_frame(read_lines(directory / "spans.jsonl"), system)
    statements = statement_frame(read_lines(directory / "statements.jsonl"), spans, system)
    sides = call_sides(spans, statements, state_of(system), run)
    events = content.by_event(read_lines(directory / "logs.jsonl"), run)
    sampled = _sampled(read_lines(directory / "metrics.jsonl"), list(samples), run, system)
    tables = {
        "spans": arrow_table("spans", _span_columns(spans, run)),
        "metrics": arrow_table("metrics", _metric_columns(sides, events, sampled, run, system)),
        "logs": arrow_table("logs", content.logs(events, statements, run, roles["read_row"])),
        "features": arrow_table("features", content.features(events, run)),
        "predictions": arrow_table("predictions", content.predictions(events, run, roles["predict"])),
    }
    within = [change for change in changes if 0 <= change["time_s"] <= run.duration_s]
    described = describe(system, run.duration_s)
    observed = reduce(Observed(described, tables, within, [], files(versions, roles["read_row"])))
    observed.alerts = alerts(observed.frame("metrics"), system)
    return observed


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Records of a newline-delimited JSON file; a last line cut short is left out."""
    with path.open("rb") as file:
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def _span_columns(spans: pd.DataFrame, run: Run) -> dict[str, Any]:
    end_s = (spans["end_ns"].to_numpy(np.int64) / NS - run.start_unix_s) * run.time_scale
    spans = spans[(end_s >= 0) & (end_s <= run.duration_s)].sort_values("start_ns", kind="stable")
    start_ns, end_ns = spans["start_ns"].to_numpy(np.int64), spans["end_ns"].to_numpy(np.int64)
    return {
        "time_s": (start_ns / NS - run.start_unix_s) * run.time_scale,
        "duration_s": (end_ns - start_ns) / NS,
        "trace_id": spans["trace_id"].to_numpy(),
        "span_id": spans["span_id"].tolist(),
        "parent_span_id": [parent or None for parent in spans["parent_span_id"]],
        "service.name": spans["service"].to_numpy(),
        "peer.service": spans["peer"].to_numpy(),
        "span.kind": spans["kind"].to_numpy(),
        "span.name": spans["name"].to_numpy(),
        "status": spans["status"].to_numpy(),
        "attempt": spans["attempt"].to_numpy(np.int64),
    }


def _metric_columns(
    sides: Any, events: content.Events, sampled: pd.DataFrame, run: Run, system: System
) -> pd.DataFrame:
    """Counts and durations from the sides of calls, and samples where a component reports nothing else."""
    state = state_of(system)
    span_ns = (0, round(run.duration_s * NS))
    edges_s = metrics.edges_ns(state, span_ns) / NS
    shown_s = [page["time_s"] for page in events.get("page_shown", []) for _ in page["attributes"]["item_ids"]]
    clicked_s = [click["time_s"] for click in events.get("item_clicked", [])]
    counts = [
        (system.entry, f"recommendation.{name}.count", "", np.histogram(times_s, edges_s)[0].astype(float))
        for name, times_s in (("impression", shown_s), ("click", clicked_s))
    ]
    computed = pd.DataFrame(metrics.columns(sides, [], counts, state, span_ns, Streams(run.seed)))
    sums_only = [name for name, component in system.components.items() if component.telemetry == "metrics"]
    without = computed["service.name"].isin(sums_only) & computed["metric"].str.startswith("server.")
    return pd.concat([computed[~without], sampled], ignore_index=True)


def _sampled(records: list[dict[str, Any]], samples: list[Sample], run: Run, system: System) -> pd.DataFrame:
    """Samples as rows of the metrics table, at the ends of the intervals they are for."""
    measured = {(component, metric) for _, component, metric, _ in samples}
    rows = [(r["time_s"], r["component"], r["metric"], r["value"], r["attribute"]) for r in records]
    rows += [(*row, "") for row in _utilization(records) if row[1:3] not in measured]
    rows += [(*sample, "") for sample in samples]
    interval_s, kept = system.scrape_interval_s, {}
    for time_s, component, metric, value, attribute in rows:
        n = round(time_s / interval_s)
        if 0 < n <= run.duration_s / interval_s and metric.startswith(_RECORDED):
            kept[n, component, metric, attribute] = value
    return pd.DataFrame(
        {
            "time_s": [n * interval_s for n, *_ in kept],
            "service.name": [component for _, component, *_ in kept],
            "metric": [metric for _, _, metric, _ in kept],
            "peer.service": None,
            "attribute": [attribute or None for *_, attribute in kept],
            "value": list(kept.values()),
        }
    )


def _utilization(records: list[dict[str, Any]]) -> list[Sample]:
    """CPU utilization, of one core, from the services' own totals."""
    found: list[Sample] = []
    before: dict[str, tuple[float, float]] = {}
    for record in (r for r in records if r["metric"] == _CPU_TOTAL):
        component, now_s, total_s = record["component"], record["unix_s"], record["value"]
        if component in before and now_s > before[component][0] and total_s >= before[component][1]:
            used = (total_s - before[component][1]) / (now_s - before[component][0])
            found.append((record["time_s"], component, "process.cpu.utilization", min(1.0, used)))
        before[component] = (now_s, total_s)
    return found
