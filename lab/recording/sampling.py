"""Sampling of traces as collectors do it: a share of all by trace id (head), and those that failed or were slow (tail).

What a sampled recording keeps of a request depends on that request alone. Each kept row has a weight, one over the
chance that it was kept: sums of weights estimate counts of all, without bias.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording.ids import STREAM_SHIFT, Ids
from lab.recording.logs import Lines, LogBook
from lab.recording.sides import CLIENT, SERVER, Sides, joined, picked
from lab.recording.status import MISS
from lab.systems.calls import CallGraph
from lab.systems.topology import Sampling

Array = npt.NDArray[Any]

MEMORY_NS = 600 * NS
"""How long it is remembered that a trace is kept for what happened at its root, for spans of it that end later."""
_BITS = 56
"""OpenTelemetry's ratio sampler compares the last 56 bits of the trace id with the ratio."""


def is_chosen(ids: Ids, requests: Array, share: float) -> Array:
    """Mask of the requests whose traces a head sampler of this share keeps."""
    if share >= 1:
        return np.ones(len(requests), bool)
    last = ids.trace_words(requests)[:, 1] & np.uint64((1 << _BITS) - 1)
    return np.asarray(last < np.uint64(round(share * (1 << _BITS))))


def weights(by_rate: Array, rate: float) -> Array:
    """`sample_weight` of rows: one over the chance that a row was kept."""
    return np.where(by_rate > 0, 1.0 / rate, 1.0)


NOBODY = np.iinfo(np.int16).max
"""The edge of the users' call in a system without users: no edge has this number."""


class TraceSampler:
    """Decides which spans and log lines of a run are kept, block by block.

    A trace is decided when its root span ends: kept if the root failed or took as long as `slow`, else if its id is
    chosen. What came of it before waits; what comes of it later follows. Warnings and errors are all kept.
    """

    def __init__(self, sampling: Sampling, graph: CallGraph, ids: Ids, book: LogBook) -> None:
        self._sampling, self._graph, self._ids, self._book = sampling, graph, ids, book
        self._users_edge = next((edge.index for edge in graph.edges if edge.caller == graph.system.users), NOBODY)
        self._slow_ns = np.iinfo(np.int64).max if sampling.slow_s is None else round(sampling.slow_s * NS)
        self._ended = _Ended()
        self._notable = np.empty((0, 2), np.int64)  # requests kept for their root, in order, and when that was
        self._sides = joined([])
        self._lines = book.of_sides(self._sides)

    def branch(self, book: LogBook, ids: Ids) -> TraceSampler:
        """A sampler that goes on from here by itself; `book` numbers the texts of its lines."""
        other = copy.copy(self)
        other._book, other._ids, other._ended = book, ids, self._ended.branch()
        return other

    def sift(self, sides: Sides, lines: Lines, until_ns: int, *, is_end: bool = False) -> tuple[Sides, Lines]:
        """What is kept of these sides and lines, and of those that waited, now that all until this time is known.

        At the end of what is recorded nothing waits any more: a trace whose root has not ended goes by its id.
        """
        self._note_roots(sides, until_ns)
        sides = joined([self._sides, sides])
        kept, waits = self._decided(sides["request"], is_end=is_end)
        self._sides, sides = picked(sides, waits), picked(sides, kept > 0)
        sides["by_rate"] = kept[kept > 0] == _BY_RATE

        lines = np.concatenate([self._lines, lines])
        always = self._book.is_kept_always(lines)
        kept_lines, waiting = self._decided(lines["request"], is_end=is_end)
        kept_lines[always] = _WHOLE
        waiting &= ~always
        self._lines, lines = lines[waiting], lines[(kept_lines > 0) & ~waiting]
        lines["by_rate"] = kept_lines[(kept_lines > 0) & ~waiting] == _BY_RATE
        return sides, lines

    def _note_roots(self, sides: Sides, until_ns: int) -> None:
        own = sides["edge"] < 0
        roots = picked(sides, own | ((sides["edge"] == self._users_edge) & (sides["side"] != SERVER)))
        failed_or_slow = (roots["status"] > MISS) | (roots["end_ns"] - roots["start_ns"] >= self._slow_ns)
        notable = np.unique(roots["request"][failed_or_slow])
        fresh = np.stack([notable, np.full(len(notable), until_ns)], axis=1)
        remembered = self._notable[self._notable[:, 1] > until_ns - MEMORY_NS]
        remembered = remembered[~np.isin(remembered[:, 0], notable)]
        together = np.concatenate([remembered, fresh])
        self._notable = together[np.argsort(together[:, 0])]
        self._ended.add(roots["request"][roots["side"] != CLIENT])

    def _decided(self, requests: Array, *, is_end: bool) -> tuple[Array, Array]:
        """(0 for what is dropped or waits, _WHOLE or _BY_RATE for what is kept; mask of what waits) by row."""
        about, notable = requests >= 0, _isin_sorted(requests, self._notable[:, 0])
        waits = about & ~notable & (not is_end)
        waits[waits] = ~self._ended.has(requests[waits])
        kept = np.where(notable, _WHOLE, 0).astype(np.int8)
        by_rate = about & ~notable & ~waits
        kept[by_rate] = np.where(is_chosen(self._ids, requests[by_rate], self._sampling.traces), _BY_RATE, 0)
        return kept, waits


_WHOLE, _BY_RATE = 1, 2


class _Ended:
    """The requests whose root has ended: of each stream all below a number, and some above it."""

    def __init__(self) -> None:
        self._below: dict[int, int] = {}
        self._above = np.empty(0, np.int64)

    def branch(self) -> _Ended:
        other = _Ended()
        other._below, other._above = self._below.copy(), self._above
        return other

    def add(self, requests: Array) -> None:
        above = np.union1d(self._above, requests)
        stream = above >> STREAM_SHIFT
        left = []
        for i in np.unique(stream).tolist():
            numbers = above[stream == i]
            first = (i << STREAM_SHIFT) + self._below.get(i, 0)
            numbers = numbers[numbers >= first]
            run = int((numbers == first + np.arange(len(numbers))).sum())  # sorted and distinct, so a run is a prefix
            self._below[i] = self._below.get(i, 0) + run
            left.append(numbers[run:])
        self._above = np.concatenate(left) if left else self._above

    def has(self, requests: Array) -> Array:
        below = np.zeros(1 + max(self._below, default=0), np.int64)
        below[list(self._below)] = list(self._below.values())
        stream = requests >> STREAM_SHIFT
        known = np.where(stream < len(below), below[stream.clip(0, len(below) - 1)], 0)
        return (requests & ((1 << STREAM_SHIFT) - 1) < known) | _isin_sorted(requests, self._above)


def _isin_sorted(values: Array, among: Array) -> Array:
    if not len(among):
        return np.zeros(len(values), bool)
    return np.asarray(among[np.searchsorted(among, values).clip(0, len(among) - 1)] == values)
