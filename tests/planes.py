"""A request plane by itself: requests come in at given times, and what is measured of them is kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from lab.compiled import Kernel
from lab.content.protocol import Layout
from lab.recording.sides import SERVER, from_words
from lab.recording.status import NAMES, OK
from lab.scenario.arrivals import Times
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.plane.arrivals import Sources
from lab.testbeds.sim.plane.build import NO_CONTENT, build
from lab.testbeds.sim.plane.loop import advance
from lab.testbeds.sim.plane.plane import Plane
from lab.testbeds.sim.plane.restart import end_process
from lab.testbeds.sim.state import at_rest

MS = 1_000_000
Span = tuple[int, str, float, float, str]
"""(request, "caller->callee" for the caller's view or "callee" for its own, start, end, status), in ms"""


class Checked:
    """A table whose elements cannot be counted from the end: a compiled kernel would write beside it."""

    def __init__(self, array: Any) -> None:
        self._view = memoryview(array)
        self.shape = self._view.shape

    def __getitem__(self, index: Any) -> Any:
        assert min(index if isinstance(index, tuple) else (index,)) >= 0, f"negative index {index}"
        return self._view[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        assert min(index if isinstance(index, tuple) else (index,)) >= 0, f"negative index {index}"
        self._view[index] = value


def checked(entry: Callable[[Any, int], int]) -> Kernel:
    """A kernel run interpreted, every index of which is looked at."""

    def call(tables: Any, until: int, /) -> int:
        return entry(type(tables)._make(Checked(array) for array in tables), until)

    return Kernel(call, "interpreted")


class Given:
    """Arrivals at these times (ns), in chunks of so many."""

    def __init__(self, times_ns: Sequence[int], size: int = 1000) -> None:
        self._chunks = [np.array(times_ns[i : i + size], np.int64) for i in range(0, len(times_ns), size)]
        self.chunks_count = len(self._chunks)

    def chunk(self, number: int) -> Times:
        return self._chunks[number]


class Bench:
    """A plane, its state, and what its blocks held. `statuses`: how operations end; `asked`: which, when, for whom."""

    def __init__(
        self, system: System, arrivals_ms: Sequence[float] = (0,), content: Layout = NO_CONTENT, *, seed: int = 1,
        statuses: Mapping[str, int] | None = None, kernel: Kernel | None = None,
    ) -> None:  # fmt: skip
        self.state = at_rest(system)
        self.plane = Plane(build(system, content), kernel or checked(advance), self)
        self.sources = Sources(self.plane, Streams(seed), self.subjects if content is not NO_CONTENT else None)
        self.blocks: list[Any] = []
        self.served: list[Any] = []
        self.done: list[Any] = []
        self.asked: list[tuple[str, float, int]] = []
        self._statuses = statuses or {}
        self.sources.open("load", self.state.entry_edge.caller.index, Given([round(ms * MS) for ms in arrivals_ms]))

    def take(self, sides: Any, served: Any, done: Any, now_ns: int) -> None:
        self.blocks.append(sides)
        self.served.append(served)
        self.done.append(done)

    def refill(self, source: int) -> None:
        self.sources.refill(source)

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        self.asked.append((operation, now_ns / MS, request))
        return self._statuses.get(operation, OK)

    def subjects(self, source: Any, first: int, times_ns: Times) -> tuple[Times, Times | None]:
        return np.arange(first, first + len(times_ns))[:, None], None

    def branch(self) -> Self:
        """Another one that goes on from here."""
        self.plane.drain()
        other = copy.copy(self)
        other.blocks, other.served, other.done = list(self.blocks), list(self.served), list(self.done)
        other.plane = self.plane.branch(other)
        other.sources = self.sources.branch(other.plane, other.subjects)
        return other

    def advance(self, until_ms: float) -> None:
        self.plane.advance(round(until_ms * MS))

    def sync(self) -> None:
        self.plane.sync(self.state)

    def release(self, component: str) -> None:
        """Lets go what a component held."""
        self.plane.release(self.state.components[component])

    def restart(self, component: str) -> None:
        """Ends a component's process now; it is back at once."""
        self.plane.drain()
        end_process(self.plane, self.state.components[component].index)
        edges = [edge.index for edge in self.state.edges_into(component)]
        for rows in (from_words(block) for block in self.blocks):
            gone = (rows["side"] == SERVER) & np.isin(rows["edge"], edges) & (rows["end_ns"] > self.plane.now_ns)
            rows["side"][gone] = 3

    def sides(self) -> Any:
        self.plane.drain()
        rows = from_words(np.concatenate(self.blocks)) if self.blocks else from_words(np.zeros((0, 6), np.int64))
        return rows[rows["side"] < 3]

    def spans(self) -> list[Span]:
        """Spans by request in order of start, callers first; `job` spans aside."""
        order = ("request", "start_ns", "edge", "side")
        return [
            (
                int(side["request"]),
                self._who(int(side["edge"]), is_server=side["side"] == SERVER),
                side["start_ns"] / MS,
                side["end_ns"] / MS,
                NAMES[side["status"]],
            )
            for side in sorted(self.sides(), key=lambda s: tuple(s[name] for name in order))
        ]

    def _who(self, edge: int, *, is_server: bool) -> str:
        if edge < 0:
            return list(self.state.components)[-1 - edge]
        return self.state.edges[edge].callee.name if is_server else self.state.edges[edge].link.name
