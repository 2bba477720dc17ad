"""When the requests of a load arrive: the same on every testbed, for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.scenario.model import Stage
from lab.streams import Streams

Times: TypeAlias = npt.NDArray[np.int64]
Array: TypeAlias = npt.NDArray[np.float64]

CHUNK_S = 64
"""Seconds of a load whose arrivals are drawn together."""


class Arrivals:
    """Poisson arrivals of a wobbling load, drawn by chunks of `CHUNK_S` seconds from its start.

    The rate is the stage's times a slow random factor around 1: a sum of three sines with random phases and periods of
    40 to 200 s, so that its relative standard deviation is `wobble`. A chunk is drawn for itself, by its number, so
    memory does not grow with the load, and a load whose last stage is longer begins with the same arrivals. Within a
    second the factor stays as it is; where a stage ends within it, arrivals spread by the rates before and after. Times
    are testbed nanoseconds.
    """

    def __init__(self, stages: Sequence[Stage], start_s: float, wobble: float, streams: Streams, name: str) -> None:
        self.name = name
        self._start_s = start_s
        # Sums of decimals that should be whole are: 0.1 s and 0.2 s and 0.7 s end at 1 s.
        self._ends_s = np.cumsum([stage.for_s for stage in stages]).round(9)
        self._rates = np.array([stage.rate_per_s for stage in stages], float)
        self._wobble = wobble
        self._streams = streams
        rng = streams.generator(name, "wobble")
        self._periods, self._phases = rng.uniform(40, 200, 3), rng.uniform(0, 2 * np.pi, 3)

    @property
    def chunks_count(self) -> int:
        """How many chunks there are."""
        return math.ceil(float(self._ends_s[-1]) / CHUNK_S)

    def chunk(self, number: int) -> Times:
        """Arrival times of one chunk in order; may be empty."""
        since_s = np.arange(number * CHUNK_S, min((number + 1) * CHUNK_S, float(self._ends_s[-1])), 1.0)
        edges = self._start_s + since_s
        waves = np.sin(2 * np.pi * edges[:, None] / self._periods + self._phases).sum(axis=1)
        factor = np.maximum(1 + self._wobble * waves * np.sqrt(2 / 3), 0.1)
        rng = self._streams.generator(self.name, "arrivals", number)
        # A generator of its own, so that a chunk that ends early differs in nothing before.
        within_second = self._streams.generator(self.name, "within-second", number)
        rates, mixed = self._rates_in(since_s)
        counts = rng.poisson(rates * factor)
        offsets = within_second.random(int(counts.sum()))
        ends = np.cumsum(counts)
        for i, pieces in mixed.items():
            drawn = slice(ends[i] - counts[i], ends[i])
            offsets[drawn] = pieces.spread(offsets[drawn])
        times = _by_seconds(np.repeat(edges, counts) + offsets, counts)
        end_s = self._start_s + float(self._ends_s[-1])
        if len(times) and times[-1] >= end_s:
            times = times[times < end_s]
        return np.rint(times * NS).astype(np.int64)

    def _rates_in(self, since_s: Array) -> tuple[Array, dict[int, _Pieces]]:
        """The mean rate in each of these seconds; and by their places the seconds within which a stage ends.

        The last stage counts as if it lasted to the end of its second: what comes after it is dropped.
        """
        rates, mixed = self._rates[self._stage_at(since_s)], dict[int, _Pieces]()
        inner = self._ends_s[:-1]
        inner = inner[(inner > since_s[0]) & (inner < since_s[-1] + 1) & (inner % 1 > 0)]
        for second in np.unique(np.floor(inner)) if len(inner) else ():
            begins = np.append(0.0, np.unique(inner[np.floor(inner) == second] - second))
            i = int(second - since_s[0])
            mixed[i] = _Pieces(begins, self._rates[self._stage_at(second + begins)])
            rates[i] = mixed[i].mean_rate
        return rates, mixed

    def _stage_at(self, since_s: Array) -> Times:
        return np.minimum(np.searchsorted(self._ends_s, since_s, side="right"), len(self._rates) - 1)

    def times_ns(self) -> Times:
        """All of them."""
        return np.concatenate([self.chunk(i) for i in range(self.chunks_count)] or [np.zeros(0, np.int64)])


class _Pieces:
    """A second in which the rate changes: the offsets (s) at which its pieces begin, from 0, and their rates."""

    def __init__(self, begins: Array, rates: Array) -> None:
        self._edges = np.append(begins, 1.0)
        self._until = np.append(0.0, np.cumsum(np.diff(self._edges) * rates))
        self.mean_rate = float(self._until[-1])

    def spread(self, uniform: Array) -> Array:
        """Offsets whose density follows the rates, from numbers that are uniform from 0 to 1."""
        offsets: Array = np.interp(uniform * self.mean_rate, self._until, self._edges)
        return offsets


def _by_seconds(times: Array, counts: npt.NDArray[np.int64]) -> Array:
    """Times in order, of which so many lie in each second: sorting them second by second is four times faster."""
    is_one = np.arange(counts.max(initial=0), dtype=np.int32) < counts[:, None].astype(np.int32)
    rows = np.full(is_one.shape, np.inf)
    rows[is_one] = times
    rows.sort(axis=1)
    ordered: Array = rows[is_one]
    return ordered
