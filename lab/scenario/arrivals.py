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


CHUNK_S = 64
"""Seconds of a load whose arrivals are drawn together."""


class Arrivals:
    """Poisson arrivals of a wobbling load, drawn by chunks of `CHUNK_S` seconds from its start.

    The rate is the stage's times a slow random factor around 1: a sum of three sines with random phases and periods of
    40 to 200 s, so that its relative standard deviation is `wobble`. A chunk is drawn for itself, by its number, so
    memory does not grow with the load, and a longer load begins with the same arrivals as a shorter one. Times are
    testbed nanoseconds.
    """

    def __init__(self, stages: Sequence[Stage], start_s: float, wobble: float, streams: Streams, name: str) -> None:
        self.name = name
        self._start_s = start_s
        self._ends_s = np.cumsum([stage.for_s for stage in stages])
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
        stage = np.searchsorted(self._ends_s, since_s, side="right")
        waves = np.sin(2 * np.pi * edges[:, None] / self._periods + self._phases).sum(axis=1)
        factor = np.clip(1 + self._wobble * waves * np.sqrt(2 / 3), 0.1, None)
        rng = self._streams.generator(self.name, "arrivals", number)
        # A generator of its own, so that a chunk that ends early differs in nothing before.
        within_second = self._streams.generator(self.name, "within-second", number)
        counts = rng.poisson(self._rates[np.minimum(stage, len(self._rates) - 1)] * factor)
        times = _by_seconds(np.repeat(edges, counts) + within_second.random(int(counts.sum())), counts)
        end_s = self._start_s + float(self._ends_s[-1])
        if len(times) and times[-1] >= end_s:
            times = times[times < end_s]
        return np.rint(times * NS).astype(np.int64)

    def times_ns(self) -> Times:
        """All of them."""
        return np.concatenate([self.chunk(i) for i in range(self.chunks_count)] or [np.zeros(0, np.int64)])


def _by_seconds(times: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Times in order, of which so many lie in each second: sorting them second by second is four times faster."""
    is_one = np.arange(counts.max(initial=0)) < counts[:, None]
    rows = np.full(is_one.shape, np.inf)
    rows[is_one] = times
    rows.sort(axis=1)
    ordered: npt.NDArray[np.float64] = rows[is_one]
    return ordered
