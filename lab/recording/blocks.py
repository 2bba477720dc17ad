"""Records a simulated run block by block: what a minute left is brought into its final form once, and then left alone.

Memory does not grow with the length of a run but by what the recording keeps of it, and that goes to temporary files
where it is much. A recording does not depend on how often it was looked at, nor on how its sides were handed over.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.clock import NS, to_ns
from lab.errors import Problem, UserError
from lab.recording import span_table
from lab.recording.arrow import numbers_array
from lab.recording.assembly import finished
from lab.recording.content import Columns, ContentRows
from lab.recording.datasets import RunEvent, Written, dataset_tables
from lab.recording.entries import ChangeEntry, LogArgument, LogRecord
from lab.recording.ids import Ids
from lab.recording.lineage import EPOCH, LineageEntry, lineage_events
from lab.recording.logs import FOLLOWS, Lines, LogBook, rows_of
from lab.recording.metrics import Counts, MetricsBuilder, Sample, interval_edges_ns
from lab.recording.observability import traces_kept
from lab.recording.observed import Observed, arrow_table
from lab.recording.sampling import TraceSampler, is_chosen, weights
from lab.recording.schema import DATASET_TABLES, DATASET_VERSIONS, WITHOUT_WORLD, Schema, schema_of
from lab.recording.sides import SERVER, Sides, end_on_grid, joined, on_grid, picked
from lab.recording.spool import Spool
from lab.recording.writing import GROUP_ROWS
from lab.streams import Streams
from lab.systems.calendar import Calendar
from lab.systems.calls import CallGraph
from lab.systems.topology import System

Array = npt.NDArray[Any]
BLOCK_S = 60.0
"""Scenario seconds of a block: this, or the next whole number of scrape intervals."""
BLOCK_SIDES = 1 << 18
"""Sides that end a block at the next scrape already, or `BLOCK_S` after the last where scrapes are farther apart: so
memory does not grow with the load."""


class KeptSpans(NamedTuple):
    """The spans of a recording as sides, for who computes with them. `origin_ns`: testbed time of scenario second 0.

    `parts`: sides by blocks, each in order of the table. `rate`: the share that a sampler kept of those `by_rate`.
    """

    graph: CallGraph
    ids: Ids
    origin_ns: int
    parts: tuple[Sides, ...]
    rate: float

    def sides(self) -> Sides:
        """All sides, in order of the table."""
        return joined(self.parts)

    def groups(self) -> Iterator[pa.Table]:
        """The span table by row groups, which end with blocks."""
        for sides in grouped(self.parts):
            columns = span_table.columns(self.graph, sides, self.ids, self.origin_ns)
            weight = self.weights(sides)
            if weight is not None:
                columns["sample_weight"] = numbers_array(weight)
            yield arrow_table("spans", columns)

    def weights(self, sides: Sides) -> Array | None:
        """How many spans each of these sides stands for; None where all spans were kept."""
        return weights(sides["by_rate"], self.rate) if self.rate < 1 else None


def grouped(parts: Iterable[Array]) -> Iterator[Array]:
    """The rows of blocks by row groups: each ends with a block, once GROUP_ROWS rows wait. There is one at least."""
    waiting: list[Array] = []
    count = 0
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= GROUP_ROWS:
            yield joined(waiting)
            waiting, count = [], count + 1
    if waiting or not count:
        yield joined(waiting)


class BlockRecorder:
    """Records a run. `start_ns` to `end_ns`: the scenario, in testbed time; what comes before is warm-up.

    `lost_scrapes`: the streams that decide which scrapes fail.
    """

    def __init__(
        self, system: System, start_ns: int, end_ns: int, ids: Ids, *, lost_scrapes: Streams | None = None
    ) -> None:  # fmt: skip
        self._system, self._ids, self._graph = system, ids, CallGraph(system)
        self._start_ns, self._end_ns = start_ns, end_ns
        self._schema = schema_of(system.world.name if system.world else None)
        self._lost_scrapes = lost_scrapes
        interval_ns = to_ns(system.scrape_interval_s)
        self._step_ns = min(interval_ns, to_ns(BLOCK_S))  # between places where a block may end early
        self._block_ns = math.ceil(to_ns(BLOCK_S) / interval_ns) * interval_ns
        self._committed_ns = start_ns - math.ceil(start_ns / self._block_ns) * self._block_ns  # 0 or less
        self._metrics = MetricsBuilder(self._graph, interval_edges_ns(system, start_ns, end_ns))
        self._book = LogBook(self._graph)
        sampling = system.observe.sampling
        self._sampler = TraceSampler(sampling, self._graph, ids, self._book) if sampling.traces < 1 else None
        self._pending: list[Sides] = []
        self._records: list[tuple[int, ...]] = []
        self._sides, self._lines = Spool(), Spool()
        self._content: dict[str, ContentRows] = {}

    def branch(self, ids: Ids) -> BlockRecorder:
        """A recorder that goes on from here by itself; what is committed is shared. `ids`: those of its own run."""
        other = copy.copy(self)
        other._metrics, other._book = self._metrics.branch(), self._book.branch()
        other._ids, other._sampler = ids, self._sampler.branch(other._book, ids) if self._sampler else None
        other._pending, other._records = self._pending.copy(), self._records.copy()
        other._sides, other._lines = self._sides.branch(), self._lines.branch()
        other._content = {name: content.branch(ids) for name, content in self._content.items()}
        return other

    # What a testbed hands over.

    def take(self, sides: Sides) -> None:
        """Adds sides, in any order. Their ends may lie ahead; ValueError where one lies in a block that is closed."""
        if len(sides):
            self._check_open(int(sides["end_ns"].min()), "span side that ends")
            self._pending.append(on_grid(sides, self._start_ns))

    def log(
        self, time_ns: int, component: str, level: str, template: str, request: int, *arguments: LogArgument
    ) -> None:
        """Adds a log line about a request (-1: about none); ValueError where it lies in a block that is closed."""
        self._check_open(time_ns, "log line of")
        if template in FOLLOWS:
            time_ns = end_on_grid(time_ns, self._start_ns)
        record = LogRecord(time_ns, component, level, template, request, arguments)
        self._records.append(self._book.written(record))

    def _check_open(self, time_ns: int, what: str) -> None:
        """A row that came too late would be missing from its block's metrics, or out of order."""
        if time_ns < self._committed_ns:
            raise ValueError(
                f"{what} {time_ns} ns was handed over after all until {self._committed_ns} ns was committed"
            )

    def sample(self, samples: Sequence[Sample], peer: str = "") -> None:
        """Adds gauges of a scrape; `peer`: whose calls they are about."""
        self._metrics.sample(samples, peer)

    def rows(self, table: str, columns: Columns) -> None:
        """Adds rows of a table of the content that will not change any more, with `request` numbers."""
        if columns:
            if table not in self._schema.tables:
                what = "the world gives rows of a table that it has not registered"
                raise UserError(Problem(what, seen=table, expected="a name of its `recording.tables`"))
            share = self._system.observe.sampling.records
            self._content.setdefault(table, ContentRows(table, self._ids, share, self._schema)).add(columns)

    def forget_unfinished(self, edges: Collection[int], now_ns: int) -> None:
        """Forgets the server sides over these edges that would end later: their process did not live to report them."""
        pending = joined(self._pending)
        lost = (pending["side"] == SERVER) & np.isin(pending["edge"], list(edges)) & (pending["end_ns"] > now_ns)
        self._pending = [picked(pending, ~lost)]

    def commit(self, until_ns: int) -> bool:
        """Brings into its final form what happened in the blocks that are over by now; whether any was.

        All that ended before `until_ns` has been taken. Where blocks end follows from the scenario's time and from what
        happened, so it may be called at any time, and at none.
        """
        ends_ns = self._ends_of_blocks(until_ns)
        if not ends_ns:
            return False
        pending, self._pending = joined(self._pending), []
        records, self._records = rows_of(self._records), []
        for end_ns in ends_ns:
            over, over_lines = pending["end_ns"] < end_ns, records["time_ns"] < end_ns
            block, pending = picked(pending, over), picked(pending, ~over)
            lines, records = records[over_lines], records[~over_lines]
            self._metrics.add(block)
            self._close(block, lines, end_ns, is_end=False)
            self._committed_ns = end_ns
        self._pending, self._records = [pending], list(map(tuple, records.tolist()))
        return True

    def _ends_of_blocks(self, until_ns: int) -> list[int]:
        """Where blocks end between the last one and now: at each whole block, and earlier where many sides wait."""
        whole = self._multiples(self._block_ns, until_ns)
        if sum(map(len, self._pending)) < BLOCK_SIDES:
            return list(map(int, whole))
        edges = np.union1d(whole, self._multiples(self._step_ns, until_ns))
        over = np.searchsorted(np.sort(joined(self._pending)["end_ns"]), edges)
        found, closed = [], 0
        for edge, ends_here, count in zip(edges.tolist(), np.isin(edges, whole).tolist(), over.tolist(), strict=True):
            if ends_here or count - closed >= BLOCK_SIDES:
                found.append(edge)
                closed = count
        return found

    def _multiples(self, step_ns: int, until_ns: int) -> Array:
        """Times so far apart, counted from the start, after the end of the last block and up to now."""
        first = (self._committed_ns - self._start_ns) // step_ns + 1
        return np.arange(self._start_ns + first * step_ns, until_ns + 1, step_ns)

    # What is asked for.

    def recent(self, edges_ns: Array, counts: Sequence[Counts]) -> pa.Table:
        """What a world reports of the intervals between these edges, as a table of metrics."""
        return arrow_table("metrics", self._metrics.recent(edges_ns, counts))

    def metrics(self, until_ns: int, counts: Sequence[Counts] = ()) -> pa.Table:
        """The metrics table of what happened until now. Changes nothing."""
        builder = self._metrics.branch()
        builder.add(self._tail(until_ns))
        return arrow_table("metrics", builder.columns(until_ns, counts, self._lost_scrapes))

    def spans(self, until_ns: int) -> KeptSpans:
        """The spans of what happened until now. Changes nothing."""
        return self._ahead(until_ns)._kept()

    def observed(
        self, until_ns: int, *, rows: Mapping[str, Columns] | None = None, counts: Sequence[Counts] = (),
        changes: Sequence[ChangeEntry] = (), reference: Mapping[str, Any] | None = None,
        writes: Sequence[Written] = (), runs: Sequence[RunEvent] = (),
    ) -> Observed:  # fmt: skip
        """What operators of a system of this observability see of a run until now. Changes nothing.

        `rows`: those of the content that may change yet. `counts`: what users did, by scrape interval. `writes`: of
        datasets, by `runs` of jobs. Tables are made when they are asked for.
        """
        ahead = self._ahead(until_ns)
        spans = ahead._kept()
        for name, columns in (rows or {}).items():
            ahead.rows(name, columns)
        groups: dict[str, Callable[[], Iterator[pa.Table]]] = {"spans": spans.groups, "logs": ahead._logs}
        own = self._schema.tables.keys() - WITHOUT_WORLD.tables.keys()
        groups |= {name: partial(_no_rows, name, self._schema) for name in sorted(own)}
        groups |= {name: content.groups for name, content in ahead._content.items()}
        metrics = {"metrics": partial(ahead.metrics, until_ns, counts)}
        lineage: Sequence[LineageEntry] = ()
        if DATASET_VERSIONS in self._schema.tables:
            mine = [one for one in writes if self._start_ns <= one.time_ns <= until_ns]
            tables = cache(partial(dataset_tables, mine, self._ids, self._start_ns, self._schema))
            groups |= {table.name: partial(_only, tables, table.name) for table in DATASET_TABLES}
            calendar = Calendar.of(self._system)
            begins = calendar.at(0.0) if calendar is not None else EPOCH
            told = [one for one in runs if self._start_ns <= one.time_ns <= until_ns]
            lineage = lineage_events(mine, told, self._ids, self._start_ns, self._system.name, begins)
        duration_s = (until_ns - self._start_ns) / NS
        return finished(
            self._system, duration_s, metrics, changes, reference or {}, groups, spans, lineage=lineage
        )  # fmt: skip

    def _ahead(self, until_ns: int) -> BlockRecorder:
        """A recorder of a run that ends now: the blocks that are over, and what there is of the next as the last."""
        other = self.branch(self._ids)
        other.commit(until_ns)
        records = rows_of(other._records)
        other._close(other._tail(until_ns), records[records["time_ns"] <= until_ns], until_ns, is_end=True)
        return other

    def _kept(self) -> KeptSpans:
        rate = self._system.observe.sampling.traces
        return KeptSpans(self._graph, self._ids, self._start_ns, (*self._sides,), rate)

    def _tail(self, until_ns: int) -> Sides:
        pending = joined(self._pending)
        return picked(pending, pending["end_ns"] <= until_ns)

    def _close(self, sides: Sides, lines: Lines, until_ns: int, *, is_end: bool) -> None:
        """Adds the spans and log lines of a block: those within the scenario, sampled, in order."""
        lines = joined([lines, self._book.of_sides(sides)])
        if self._sampler is not None:
            sides, lines = self._sampler.sift(sides, lines, until_ns, is_end=is_end)
        sides = picked(sides, (sides["end_ns"] >= self._start_ns) & span_table.reported(self._graph, sides))
        share = traces_kept(self._system)
        if share < 1:
            sides = picked(sides, is_chosen(self._ids, sides["request"], share))
        self._sides.append(span_table.in_order(sides, self._ids))
        self._lines.append(self._book.in_order(lines[lines["time_ns"] >= self._start_ns], self._ids))

    def _logs(self) -> Iterator[pa.Table]:
        for lines in grouped(self._lines):
            columns = self._book.columns(lines, self._ids, self._start_ns)
            if self._sampler is not None:
                by_rate = weights(lines["by_rate"], self._system.observe.sampling.traces)
                columns["sample_weight"] = numbers_array(by_rate)
            yield arrow_table("logs", columns)


def _only(tables: Callable[[], Mapping[str, pa.Table]], name: str) -> Iterator[pa.Table]:
    """One of several tables that are made together."""
    yield tables()[name]


def _no_rows(table: str, schema: Schema) -> Iterator[pa.Table]:
    """A table of the content of which there was nothing to tell."""
    columns = (column for column in schema.columns(table) if "*" not in column.name and column.otherwise is None)
    yield arrow_table(table, {column.name: [] for column in columns}, schema)
