"""Arrival streams and the draws of their requests: everything random about request n is found at index n."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording.ids import request_number
from lab.streams import Streams, lognormal_parameters
from lab.testbeds.sim.state import Edge

Draws = tuple[list[int], list[int], list[int], frozenset[int]]
"""Of one hop: service time, request passage and response passage in ns by request number; requests that fail there
for no particular reason."""


class Source:
    """A stream of requests that numbers its own: the base load, one surge, a job's runs.

    `base + n` is request n's number across all streams; `data` is what the world keeps per stream.
    """

    def __init__(
        self, name: str, index: int, times_ns: list[int], streams: Streams, *, count: int | None = None
    ) -> None:
        self.name = name
        self.times_ns = times_ns
        self.count = len(times_ns) if count is None else count
        self.base = request_number(index, 0)
        self.position = 0
        self.active = False
        self.records_root = False
        self.data: object = None
        self._streams = streams
        self.drawn: dict[tuple[int, int], Draws] = {}
        self._values: dict[tuple[str, int, int], list[float]] = {}

    def make_room(self, n: int) -> None:
        """Lets request n be drawn too: those before it are drawn as before, for generators go on where they were."""
        if n >= self.count:
            self.count = 2 * n
            self.drawn.clear()
            self._values.clear()

    def draw(self, edge: Edge, path: int) -> Draws:
        """Draws of one hop on one path, for every request of the stream; found under `drawn` from then on."""
        link, component = edge.link.spec, edge.callee.spec
        rng = self._streams.generator(self.name, "noise", _hop(edge), path)
        noise = np.flatnonzero(rng.random(self.count) < component.background_error_ratio)
        self.drawn[edge.index, path] = drawn = (
            self._lognormal("service", edge, path, edge.mean_service_s, edge.cv_service),
            self._lognormal("request", edge, path, link.latency_s, link.cv),
            self._lognormal("response", edge, path, link.latency_s, link.cv),
            frozenset(noise.tolist()),
        )
        return drawn

    def _lognormal(self, what: str, edge: Edge, path: int, mean: float, cv: float) -> list[int]:
        if mean <= 0:
            return [0] * self.count
        mu, sigma = lognormal_parameters(mean, cv)
        rng = self._streams.generator(self.name, what, _hop(edge), path)
        times_ns: list[int] = (
            np.rint(np.exp(mu + sigma * rng.standard_normal(self.count)) * NS).astype(np.int64).tolist()
        )
        return times_ns

    def uniform(self, what: str, edge: Edge, path: int) -> list[float]:
        """Uniform numbers on [0, 1) for one purpose on one hop."""
        return self._value(what, edge, path, lambda rng: rng.random(self.count))

    def normal(self, what: str, edge: Edge, path: int) -> list[float]:
        """Standard normal numbers for one purpose on one hop."""
        return self._value(what, edge, path, lambda rng: rng.standard_normal(self.count))

    def _value(
        self, what: str, edge: Edge, path: int, draw: Callable[[np.random.Generator], npt.NDArray[np.float64]]
    ) -> list[float]:
        key = (what, edge.index, path)
        if key not in self._values:
            rng = self._streams.generator(self.name, what, _hop(edge), path)
            self._values[key] = draw(rng).tolist()
        return self._values[key]


def _hop(edge: Edge) -> str:
    """Names a hop in streams by what it is, so that adding another hop shifts nothing."""
    return f"{edge.link.name}:{edge.name}"
