"""From the collector's raw files to `observed/`, by the definitions that all testbeds share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab.agreed.run import Run
from lab.clock import NS
from lab.content.stack import StackPart, Trained
from lab.recording import collected
from lab.recording.assembly import Measured
from lab.recording.assembly import assemble as assemble_recording
from lab.recording.entries import ChangeEntry
from lab.recording.metrics import Sample as Measurement
from lab.recording.metrics import interval_edges_ns
from lab.recording.observed import Observed
from lab.systems.calls import CallGraph
from lab.systems.topology import System

Sample = tuple[float, str, str, float]
"""(scenario time, component, metric, value over the interval that ended then)"""
_CPU_TOTAL = "process_cpu_seconds_total"
_RECORDED = ("cache.", "server.", "model.", "process.cpu.", "system.")


def assemble(
    directory: Path,
    run: Run,
    system: System,
    part: StackPart,
    *,
    versions: Sequence[Trained],
    changes: list[ChangeEntry],
    samples: Iterable[Sample] = (),
) -> Observed:
    """What was observed of a run of a system whose world has this part.

    `directory` holds the collector's files after a flush. `versions`: the models behind the version numbers, in order.
    `changes`: the change log, in scenario seconds. `samples`: what only the containers' host can measure.
    """
    database = next(name for name, component in system.components.items() if component.kind == "database")
    spans = collected.span_frame(collected.read_lines(directory / "spans.jsonl"), system)
    statements = collected.statement_frame(collected.read_lines(directory / "statements.jsonl"), spans, system)
    since_warmup = collected.by_event(collected.read_lines(directory / "logs.jsonl"), run, run.warmup_s)
    events = collected.after(since_warmup, 0.0)
    end_ns = round(run.duration_s * NS)
    edges_s = interval_edges_ns(system, 0, end_ns) / NS
    entry = system.entry or ""  # the lab runs only systems with requests here
    measured = Measured(
        system, 0, end_ns, collected.call_sides(spans, CallGraph(system), run, statements),
        spans=collected.span_columns(spans, run),
        logs=collected.log_columns(events, statements, run, database),
        samples=_sampled(collected.read_lines(directory / "metrics.jsonl"), list(samples), run, system),
        counts=[
            (entry, metric, "", values)
            for metric, values in part.counts(since_warmup, run, system, edges_s).items()
        ],
        tables=part.tables(since_warmup, run, system),
        changes=changes,
        reference=part.reference(versions, system),
        sampled_servers=frozenset(name for name, c in system.components.items() if c.telemetry == "metrics"),
        time_scale=run.time_scale,
    )  # fmt: skip
    return assemble_recording(measured)


def _sampled(records: list[dict[str, Any]], samples: list[Sample], run: Run, system: System) -> list[Measurement]:
    """Samples at the ends of the scrape intervals they are for; the last one of an interval counts."""
    measured = {(component, metric) for _, component, metric, _ in samples}
    rows = [(r["time_s"], r["component"], r["metric"], r["value"], r["attribute"]) for r in records]
    rows += [(*row, "") for row in _utilization(records) if row[1:3] not in measured]
    rows += [(*sample, "") for sample in samples]
    interval_ns, found = round(system.scrape_interval_s * NS), []
    for time_s, component, metric, value, attribute in rows:
        n = round(time_s / system.scrape_interval_s)
        if metric.startswith(_RECORDED):
            found.append((n * interval_ns, component, metric, attribute or "", value))
    return found


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
