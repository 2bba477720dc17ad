"""From what a testbed measured to `observed/`: one function for every driver of a real system.

Such a driver gives the spans and log lines of its telemetry as they came, beside the sides that the metrics are counted
from. Everything else follows: the metrics by their definitions, the alerts, and the cut to what the operators of this
system get to see. A simulator has nothing but sides: `lab.recording.blocks` makes everything from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lab.clock import NS
from lab.recording.collected_sampling import sampled_tables
from lab.recording.describing import describe
from lab.recording.entries import ChangeEntry
from lab.recording.metrics import Counts, MetricsBuilder, Sample, interval_edges_ns
from lab.recording.observability import is_shown, shown
from lab.recording.observed import Deferred, Observed, arrow_table
from lab.recording.schema import LINEAGE, Schema, schema_of
from lab.recording.sides import Sides
from lab.recording.slis import alerts
from lab.registration.observability import Observability, seen_at
from lab.streams import Streams
from lab.systems.calls import CallGraph
from lab.systems.topology import System

if TYPE_CHECKING:
    from lab.recording.blocks import KeptSpans
    from lab.recording.lineage import LineageEntry

Columns = Mapping[str, Any]
"""Columns of a table by name, as `lab.recording.schema` documents them"""


@dataclass(frozen=True)
class Measured:
    """What was measured between two testbed times (ns); scenario second 0 is `start_ns`.

    `sides`: what the metrics are counted from. `spans` and `logs`: real telemetry, as columns of their tables.
    `samples`: gauges, and sums that a component reports by itself; `sampled_servers`: those whose server metrics come
    so. `counts`: what users did, by scrape interval. `tables`: tables of the content by name (features, predictions).
    `changes`: the change log, in scenario seconds. `reference`: files by name. `lost_scrapes`: for a testbed whose
    scrapes never fail by themselves, the streams that decide which do. `time_scale`: testbed seconds that passed in a
    real one; what lasted (spans, CPU time, waits) is real.
    """

    system: System
    start_ns: int
    end_ns: int
    sides: Sides
    spans: Columns
    logs: Columns
    samples: Sequence[Sample] = ()
    counts: Sequence[Counts] = ()
    tables: Mapping[str, Columns] = field(default_factory=dict)
    changes: Sequence[ChangeEntry] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)
    sampled_servers: frozenset[str] = frozenset()
    lost_scrapes: Streams | None = None
    time_scale: float = 1.0


def assemble(measured: Measured) -> Observed:
    """What operators of a system of this observability see of a run."""
    system = measured.system
    schema = schema_of(system.world.name if system.world else None)
    edges_ns = interval_edges_ns(system, measured.start_ns, measured.end_ns)
    metrics = MetricsBuilder(CallGraph(system), edges_ns, measured.sampled_servers)
    metrics.add(measured.sides)
    metrics.sample(measured.samples)
    tables = {
        "spans": arrow_table("spans", measured.spans),
        "metrics": arrow_table("metrics", metrics.columns(measured.end_ns, measured.counts, measured.lost_scrapes)),
        "logs": arrow_table("logs", measured.logs),
        **{name: arrow_table(name, content, schema) for name, content in measured.tables.items() if content},
    }
    duration_s = (measured.end_ns - measured.start_ns) / NS
    sampled = sampled_tables(tables, system)
    makers = {name: partial(sampled.__getitem__, name) for name in sampled}
    return finished(system, duration_s, makers, measured.changes, measured.reference, time_scale=measured.time_scale)


def finished(
    system: System, duration_s: float, makers: Mapping[str, Callable[[], pa.Table]], changes: Sequence[ChangeEntry],
    reference: Mapping[str, Any], groups: Mapping[str, Callable[[], Iterator[pa.Table]]] | None = None,
    spans: KeptSpans | None = None, time_scale: float = 1.0, lineage: Sequence[LineageEntry] = (),
) -> Observed:  # fmt: skip
    """A recording of these tables, as operators of a system of this observability see it, with its alerts.

    Tables are made when they are first asked for. `groups`: tables that come by their row groups. `spans`: what the
    table of spans is made of. `time_scale`: as in `Measured`. `lineage`: of worlds with datasets.
    """
    level, schema = system.observability, schema_of(system.world.name if system.world else None)
    whole = {
        name: partial(_shown, schema, name, make, level)
        for name, make in makers.items()
        if is_shown(schema, name, level)
    }
    parts = {
        n: partial(_groups_shown, schema, n, make, level)
        for n, make in (groups or {}).items()
        if is_shown(schema, n, level)
    }
    within = [change.copy() for change in changes if 0 <= change["time_s"] <= duration_s]
    observed = Observed(describe(system, duration_s, time_scale), Deferred(whole, parts, spans), within, [], reference)
    if LINEAGE in schema.files and seen_at(level, schema.files[LINEAGE].level):
        observed.lineage = [*lineage]
    observed.alerts = alerts(observed.metrics, system)
    return observed


def _shown(schema: Schema, name: str, make: Callable[[], pa.Table], level: Observability) -> pa.Table:
    return shown(schema, name, make(), level)


def _groups_shown(
    schema: Schema, name: str, make: Callable[[], Iterator[pa.Table]], level: Observability
) -> Iterator[pa.Table]:
    return (shown(schema, name, group, level) for group in make())
