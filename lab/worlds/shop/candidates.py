"""Which items a page may choose from: one of each stratum, by popularity as it is in that minute."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.streams import Streams
from lab.worlds.kit.groups import groups
from lab.worlds.shop.catalog import Catalog

Array = npt.NDArray[Any]

DRIFT_EVERY_S = 60.0
DRIFT_SD = 0.12
DRIFT_KEPT = float(np.exp(-1 / 30))
"""What is left after a minute of how far a popularity (its log) is from what it is in the long run."""
_MINUTES_KEPT = 16


class Candidates:
    """Candidate retrieval with drifting popularity: from minute to minute it moves, and tends back.

    The move of a minute is drawn by its number. Only the last minutes are kept; an earlier one is made again.
    """

    def __init__(self, catalog: Catalog, streams: Streams, start_ns: int) -> None:
        self.strata = catalog.strata
        self._usual = np.log(catalog.popularity)
        self._streams = streams
        self._start_ns = start_ns
        self._moved: dict[int, Array] = {0: np.zeros(len(self._usual))}
        self._edges: dict[int, Array] = {}

    def of(self, uniforms: Array, times_ns: Array) -> Array:
        """(n, strata) item indices from uniform draws (n, strata) and arrival times (n,)."""
        minute = self.minutes(times_ns)
        picked = np.empty(uniforms.shape, np.int64)
        for number, chosen in groups(minute):
            picked[chosen] = (uniforms[chosen][:, :, None] > self.edges(number)[None, :, :-1]).sum(axis=2)
        return np.take_along_axis(self.strata.T, picked, axis=0)

    def minutes(self, times_ns: Array) -> Array:
        """The minute of the scenario that each time is in; the first for the warm-up."""
        return np.asarray(np.maximum(0, (times_ns - self._start_ns) // round(DRIFT_EVERY_S * NS)))

    def edges(self, minute: int) -> Array:
        """Cumulative popularity within each stratum."""
        edges = self._edges.get(minute)
        if edges is None:
            weights = np.exp(self._usual + self._moved_by(minute))[self.strata]
            self._edges[minute] = edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
            _drop(self._edges)
        return edges

    def copy(self) -> Candidates:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._moved, copied._edges = dict(self._moved), dict(self._edges)
        return copied

    def _moved_by(self, minute: int) -> Array:
        known = max((number for number in self._moved if number <= minute), default=-1)
        moved = self._moved[known] if known >= 0 else np.zeros(len(self._usual))
        for number in range(max(known, 0) + 1, minute + 1):
            noise = self._streams.generator("popularity-drift", number).standard_normal(len(moved))
            moved = DRIFT_KEPT * moved + DRIFT_SD * noise
            self._moved[number] = moved
            _drop(self._moved)
        return moved


def _drop(by_minute: dict[int, Array]) -> None:
    while len(by_minute) > _MINUTES_KEPT:
        del by_minute[min(by_minute)]
