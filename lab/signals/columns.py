"""What signals need of a recording, as numpy columns: scrape intervals, metric values, spans."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording import span_table
from lab.recording.arrow import Coded, identities, numbers, texts_of
from lab.recording.blocks import KeptSpans
from lab.recording.ids import parent_keys, span_keys
from lab.recording.observed import Observed
from lab.recording.status import NAMES
from lab.signals import Series

Array = npt.NDArray[Any]
Name = tuple[str, str, str, str]
"""Component, metric, peer and attribute of a metric's values."""


class Grid:
    """The scrape intervals of a recording: `ends_s`, and the interval of any time.

    `interval_s` is by the recording's clock, `real_interval_s` by that of what lasted (durations, CPU time): where time
    is compressed, an interval was shorter than it says.
    """

    def __init__(self, observed: Observed) -> None:
        self.interval_s = float(observed.system["scrape_interval_s"])
        self.real_interval_s = self.interval_s / float(observed.system.get("time_scale", 1.0))
        self.count = int(observed.end_s / self.interval_s)
        self.ends_s = np.arange(1, self.count + 1, dtype=np.float64) * self.interval_s

    def bins(self, times_s: Array) -> Array:
        """Interval index of each time; `count` for times past the last interval."""
        return np.minimum((np.asarray(times_s) / self.interval_s).astype(np.int64), self.count)

    def sums(self, bins: Array, weights: Array | None = None) -> Array:
        """Sum (or count) per interval."""
        return np.bincount(bins, weights, minlength=self.count + 1)[: self.count].astype(float)

    def at_ends(self, times_s: Array, values: Array) -> Array:
        """Values sampled at interval ends, one for each interval; NaN for an interval without one."""
        at = np.rint(times_s / self.interval_s).astype(np.int64) - 1
        kept = (at >= 0) & (at < self.count)
        found = np.full(self.count, np.nan)
        found[at[kept]] = values[kept]
        return found

    def series(self, signal: str, subject: str, values: Array) -> Series:
        return Series(signal, subject, self.ends_s, np.asarray(values, np.float64))


class Metrics:
    """Metric values by component, metric, peer and attribute on the grid; NaN where a sample is missing.

    `count`: the number of scrape intervals.
    """

    def __init__(self, table: pa.Table, grid: Grid) -> None:
        self._grid, self.count = grid, grid.count
        parts = [texts_of(table, name) for name in ("service.name", "metric", "peer.service", "attribute")]
        packed = np.zeros(len(table), np.int64)
        for part in parts:
            packed = packed * (len(part.texts) + 1) + part.codes + 1
        order = np.argsort(packed, kind="stable")
        times_s, values = numbers(table["time_s"])[order], numbers(table["value"])[order]
        firsts = np.flatnonzero(np.diff(packed[order], prepend=-1))
        self._values: dict[Name, Array] = {}
        for first, end in pairwise([*firsts.tolist(), len(order)]):
            codes = [(part, int(part.codes[order[first]])) for part in parts]
            service, metric, peer, attribute = ("" if code < 0 else part.texts[code] for part, code in codes)
            name = (service, metric, peer, attribute)
            self._values[name] = grid.at_ends(times_s[first:end], values[first:end])

    def __iter__(self) -> Iterator[Name]:
        return iter(self._values)

    def get(self, component: str, metric: str, peer: str = "", attribute: str = "") -> Array:
        found = self._values.get((component, metric, peer, attribute))
        return np.full(self._grid.count, np.nan) if found is None else found


class Spans(NamedTuple):
    """Columns of the span table. `ended`: the scrape interval of its end; `identity`, `parent`: numbers naming spans.

    `weight`: how many requests the span's stands for; None where all were recorded."""

    start_s: Array
    duration_s: Array
    service: Coded
    peer: Coded
    kind: Coded
    status: Coded
    ended: Array
    identity: Array
    parent: Array
    weight: Array | None

    @classmethod
    def of(cls, observed: Observed, grid: Grid) -> Spans | None:
        """The spans of a recording, None where it has none."""
        if observed.spans is not None:
            return cls._of_sides(observed.spans, grid)
        table = observed.tables.get("spans")
        if table is None or not len(table):
            return None
        start_s, duration_s = numbers(table["time_s"]), numbers(table["duration_s"])
        has_parents = "parent_span_id" in table.column_names
        parent = table["parent_span_id"] if has_parents else pa.chunked_array([pa.nulls(len(table), pa.string())])
        identity, of_parent = identities(table["span_id"], parent)
        return cls(
            start_s, duration_s, texts_of(table, "service.name"),
            texts_of(table, "peer.service"), texts_of(table, "span.kind"), texts_of(table, "status"),
            grid.bins(np.maximum(start_s + duration_s, 0)), identity, of_parent,
            weights_of(table),
        )  # fmt: skip

    @classmethod
    def _of_sides(cls, kept: KeptSpans, grid: Grid) -> Spans | None:
        """The same columns as of the table that these sides become, without its texts."""
        count = sum(map(len, kept.parts))
        if not count:
            return None
        columns = {name: np.empty(count, kind) for name, kind in _OF_SIDES.items()}
        weighted = [weight for sides in kept.parts if (weight := kept.weights(sides)) is not None]
        first = 0
        for sides in kept.parts:  # one after the other: what is in between takes more memory than what comes of it
            found = span_table.spans(kept.graph, sides, kept.origin_ns)
            ended = grid.bins(np.maximum(found.time_s + found.duration_s, 0))
            parent = np.where(found.is_child, parent_keys(sides), 0)
            rows = (
                found.time_s, found.duration_s, found.service, found.peer, found.kind, found.status, ended,
                span_keys(sides), parent,
            )  # fmt: skip
            for column, part in zip(columns.values(), rows, strict=True):
                column[first : first + len(sides)] = part
            first += len(sides)
        of, components = columns, list(kept.graph.components)
        return cls(
            of["start_s"], of["duration_s"], Coded(of["service"], components), Coded(of["peer"], components),
            Coded(of["kind"], list(span_table.KINDS)), Coded(of["status"], list(NAMES)),
            of["ended"], of["identity"], of["parent"], np.concatenate(weighted) if weighted else None,
        )  # fmt: skip

    def weights(self, rows: Array) -> Array | None:
        """The weights of some of the spans."""
        return None if self.weight is None else self.weight[rows]


_OF_SIDES = {
    "start_s": np.float64, "duration_s": np.float64, "service": np.int16, "peer": np.int16, "kind": np.int8,
    "status": np.int8, "ended": np.int32, "identity": np.uint64, "parent": np.uint64,
}  # fmt: skip
"""Columns of `Spans` and how they are kept: a run has millions of spans, and codes and intervals are small numbers."""


class Lines(NamedTuple):
    """Times of the log lines of one event, what each is counted by, and how many it stands for."""

    time_s: Array
    service: Coded
    subject: Coded
    weight: Array | None

    @classmethod
    def of(cls, observed: Observed, event: str) -> Lines:
        """The lines of an event; none where nothing was logged."""
        table = observed.tables.get("logs")
        if table is None:
            nobody = Coded(np.zeros(0, np.int64), [])
            return cls(np.zeros(0), nobody, nobody, None)
        mine = texts_of(table, "event.name").is_any([event])
        service, subject = (
            Coded(part.codes[mine], part.texts)
            for part in (texts_of(table, name) for name in ("service.name", "subject"))
        )
        weight = weights_of(table)
        return cls(numbers(table["time_s"])[mine], service, subject, None if weight is None else weight[mine])

    def counted(self, rows: Array, grid: Grid) -> Array:
        """How many of these lines were written in each interval."""
        return grid.sums(grid.bins(self.time_s[rows]), None if self.weight is None else self.weight[rows])


def weights_of(table: pa.Table) -> Array | None:
    """How many rows each row of a sampled table stands for; None where all rows were kept."""
    return numbers(table["sample_weight"]) if "sample_weight" in table.column_names else None


def ratio(part: Array, whole: Array) -> Array:
    """part / whole, NaN where nothing happened."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def rolling(values: Array, width: int) -> Array:
    """Sums over the last `width` intervals, along the first axis."""
    total = np.cumsum(values, axis=0)
    return np.concatenate([total[:width], total[width:] - total[:-width]])


def recent_mean(values: Array, width: int) -> Array:
    """Mean over the last `width` intervals at each; NaN where less than half of them are known."""
    known = ~np.isnan(values)
    total, count = rolling(np.where(known, values, 0.0), width), rolling(known.astype(np.int64), width)
    return ratio(total, np.where(2 * count >= width, count, 0))
