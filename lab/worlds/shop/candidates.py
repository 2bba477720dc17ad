"""Which items a page may choose from: one of each stratum, by popularity as it is in that minute."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.streams import Streams
from lab.worlds.shop.catalog import Catalog

Array = npt.NDArray[Any]

DRIFT_EVERY_S = 60.0
DRIFT_SD = 0.12


class Candidates:
    """Candidate retrieval with drifting popularity: a random walk from minute to minute of the scenario."""

    def __init__(self, catalog: Catalog, streams: Streams, start_ns: int) -> None:
        self._strata = catalog.strata
        self._start_ns = start_ns
        self._drift = streams.generator("popularity-drift")
        self._popularity_logs: list[Array] = [np.log(catalog.popularity)]
        self._edges: dict[int, Array] = {}

    def of(self, uniforms: Array, times_ns: Array) -> Array:
        """(n, strata) item indices from uniform draws (n, strata) and arrival times (n,)."""
        minute = np.maximum(0, (times_ns - self._start_ns) // round(DRIFT_EVERY_S * NS)).astype(int)
        picked = np.empty(uniforms.shape, np.int64)
        for block in np.unique(minute).tolist():
            chosen = minute == block
            edges = self._popularity_edges(block)
            picked[chosen] = (uniforms[chosen][:, :, None] > edges[None, :, :-1]).sum(axis=2)
        return np.take_along_axis(self._strata.T, picked, axis=0)

    def _popularity_edges(self, block: int) -> Array:
        """Cumulative popularity within each stratum."""
        while len(self._popularity_logs) <= block:
            last = self._popularity_logs[-1]
            self._popularity_logs.append(last + DRIFT_SD * self._drift.standard_normal(len(last)))
        if block not in self._edges:
            weights = np.exp(self._popularity_logs[block])[self._strata]
            self._edges[block] = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        return self._edges[block]
