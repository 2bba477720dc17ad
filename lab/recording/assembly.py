"""From what a testbed measured to `observed/`: one function for every driver.

A driver gives span sides, samples and the lines that components wrote (`FromSides`), or the spans and log lines of real
telemetry as they came, beside the sides that the metrics are counted from (`AsCollected`). Everything else follows:
the metrics by their definitions, the alerts, and the cut to what the operators of this system get to see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

from lab.clock import NS
from lab.recording import logs, metrics, span_table
from lab.recording.describing import describe
from lab.recording.entries import ChangeEntry
from lab.recording.ids import Ids
from lab.recording.metrics import Counts, Sample
from lab.recording.observability import reduce
from lab.recording.observed import Observed, arrow_table
from lab.recording.recorder import LogRecord
from lab.recording.slis import alerts
from lab.streams import Streams
from lab.systems.calls import CallGraph
from lab.systems.topology import System

Array = npt.NDArray[Any]
Columns = Mapping[str, Any]
"""Columns of a table by name, as `lab.recording.schema` documents them"""


@dataclass(frozen=True)
class Measured:
    """What was measured between two testbed times (ns); scenario second 0 is `start_ns`.

    `sides`: span sides as `Recorder.spans` gives them. `samples`: gauges, and sums that a component reports by itself;
    `sampled_servers` are those whose server metrics come that way. `counts`: what users did, by scrape interval.
    `tables`: tables of the content by name (features, predictions), with `trace_id`, or with the `request` numbers that
    ids follow from. `changes`: the change log, in scenario seconds. `reference`: files by name.
    `lost_scrapes`: for a testbed whose scrapes never fail by themselves, the streams that decide which do.
    """

    system: System
    start_ns: int
    end_ns: int
    sides: Array
    samples: Sequence[Sample] = ()
    counts: Sequence[Counts] = ()
    tables: Mapping[str, Columns] = field(default_factory=dict)
    changes: Sequence[ChangeEntry] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)
    sampled_servers: frozenset[str] = frozenset()
    lost_scrapes: Streams | None = None

    @property
    def duration_s(self) -> float:
        """Length of the recording in scenario seconds."""
        return (self.end_ns - self.start_ns) / NS


class Traces(Protocol):
    """Where the span table and the log table come from."""

    def spans(self, graph: CallGraph, measured: Measured, sides: Array) -> Columns: ...
    def logs(self, graph: CallGraph, measured: Measured, sides: Array) -> Columns: ...
    def with_trace_ids(self, columns: Columns) -> Columns:
        """A table of the content with `trace_id` instead of `request` numbers."""


@dataclass(frozen=True)
class FromSides:
    """Spans and log lines follow from the sides. `lines`: what components wrote beside them; `ids` name the traces."""

    ids: Ids
    lines: Sequence[LogRecord] = ()

    def spans(self, graph: CallGraph, measured: Measured, sides: Array) -> Columns:
        return span_table.columns(graph, sides, self.ids, measured.start_ns)

    def logs(self, graph: CallGraph, measured: Measured, sides: Array) -> Columns:
        return logs.columns(graph, self.lines, sides, self.ids, measured.start_ns, measured.end_ns)

    def with_trace_ids(self, columns: Columns) -> Columns:
        rest = {name: values for name, values in columns.items() if name != "request"}
        return {"trace_id": self.ids.trace_array(columns["request"]), **rest}


@dataclass(frozen=True)
class AsCollected:
    """Spans and log lines of real telemetry, as columns of their tables."""

    span_columns: Columns
    log_columns: Columns

    def spans(self, graph: CallGraph, measured: Measured, sides: Array) -> Columns:
        return self.span_columns

    def logs(self, graph: CallGraph, measured: Measured, sides: Array) -> Columns:
        return self.log_columns

    def with_trace_ids(self, columns: Columns) -> Columns:
        return columns


def assemble(measured: Measured, traces: Traces) -> Observed:
    """What operators of a system of this observability see of a run."""
    system, graph = measured.system, CallGraph(measured.system)
    sides = measured.sides
    sides = sides[(sides["end_ns"] >= measured.start_ns) & (sides["end_ns"] <= measured.end_ns)]
    edges_ns = metrics.interval_edges_ns(system, measured.start_ns, measured.end_ns)
    counted = metrics.columns(
        graph, edges_ns, sides, measured.samples, measured.counts,
        sampled_servers=measured.sampled_servers, lost_scrapes=measured.lost_scrapes,
    )  # fmt: skip
    tables = {
        "spans": arrow_table("spans", traces.spans(graph, measured, sides)),
        "metrics": arrow_table("metrics", counted),
        "logs": arrow_table("logs", traces.logs(graph, measured, sides)),
    }
    for name, content in measured.tables.items():
        if content:
            tables[name] = arrow_table(name, traces.with_trace_ids(content))
    within = [change.copy() for change in measured.changes if 0 <= change["time_s"] <= measured.duration_s]
    described = describe(system, measured.duration_s)
    observed = reduce(Observed(described, tables, within, [], measured.reference))
    observed.alerts = alerts(observed.frame("metrics"), system)
    return observed
