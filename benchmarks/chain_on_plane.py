"""The chain of `engine_vs_naive.py` on the request plane, without a world: what benchmarks of the plane run."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
from engine_vs_naive import MISS_RATIO, RATE_PER_S, REQUESTS, SLOW, Outcome, chain

from lab.clock import NS
from lab.compiled import Kernel
from lab.draws import uniforms
from lab.injection.levers import ComponentSlow
from lab.recording.sides import SIDE
from lab.recording.status import OK
from lab.scenario.arrivals import Arrivals, Times
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.arrivals import Source, Sources
from lab.testbeds.sim.plane.build import build
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.plane import Plane
from lab.testbeds.sim.state import at_rest
from lab.worlds.base import OP_PREDICATE, Layout, Op

LOOK_UP = Layout({"look_up": Op(OP_PREDICATE, at.VARIANT_NONE, 0)})
"""Own code that misses where the request's first predicate is false."""
_HITS = 0
"""The purpose of the predicate's draw."""
Taker = Callable[[Any], None]


class Turns:
    """What the plane leaves to others here: arrivals, and blocks, of which `take` is given the sides of calls."""

    def __init__(self, take: Taker | None = None) -> None:
        self._take = take
        self.sources: Sources | None = None
        self.failed = 0

    def take(self, sides: Any, served: Any, done: Any, now_ns: int) -> None:
        self.failed += int((done[:, at.D_STATUS] != OK).sum())
        if self._take is not None:
            self._take(sides)

    def refill(self, source: int) -> None:
        assert self.sources is not None
        self.sources.refill(source)

    def operate(self, operation: str, now_ns: int) -> int:
        raise AssertionError("nothing here is the world's")


def subjects(source: Source, first: int, times_ns: Times) -> Times:
    """Nobody in particular, and whether the look-up hits."""
    numbers = np.arange(first, first + len(times_ns), dtype=np.int64)
    hits = uniforms(source.key, numbers, _HITS, 1)[:, 0] >= MISS_RATIO
    return hits.astype(np.int64) << at.SUBJECT_BITS


def opened(system: System, seed: int, requests: int, kernel: Kernel, turns: Turns, *, records: bool) -> Plane:
    """A plane with as many arrivals as the load has on average, built from the system's file as a run builds it."""
    streams = Streams(seed)
    plane = Plane(build(system, LOOK_UP), kernel, turns)
    plane.tables.head[at.H_RECORDS] = records
    turns.sources = Sources(plane, streams, subjects)
    stage = Stage.model_construct(for_s=requests / RATE_PER_S, rate_per_s=RATE_PER_S)
    arrivals = Arrivals((stage,), 0.0, 0.0, streams, "load")
    turns.sources.open("load", list(system.components).index(system.users), arrivals)
    return plane


def run_plane(seed: int, requests: int = REQUESTS, *, records: bool, take: Taker | None = None) -> Outcome:
    """One round: building, draws, the control events of the slow half minute, taking blocks out.

    `take` is given the sides of calls. CPU is told for as many requests as were asked for: arrivals are drawn, so that
    there are some more or less.
    """
    kernel = load_plane()
    system = chain()
    began = process_time()
    turns = Turns(take)
    plane = opened(system, seed, requests, kernel, turns, records=records)
    state = at_rest(system)
    for at_s, slow in ((SLOW[0], ComponentSlow(factor=SLOW[2])), (SLOW[1], None)):
        plane.advance(round(at_s * NS))
        state.components["model"].slow = slow
        state.components["model"].update(plane.now_ns)
        plane.sync(state)
    plane.advance(round((requests / RATE_PER_S + 3600) * NS))
    plane.drain()
    took = process_time() - began
    roots = int(plane.tables.head[at.H_ROOTS])
    return Outcome(turns.failed, int(plane.tables.head[at.H_EVENTS]), took * requests / roots)


def kept_blocks() -> tuple[list[bytes], Taker]:
    """Where blocks of sides are kept as bytes, and what keeps them."""
    blocks: list[bytes] = []
    return blocks, lambda sides: blocks.append(sides.tobytes())


def sides_of(blocks: list[bytes]) -> Any:
    """Blocks as rows."""
    return np.frombuffer(b"".join(blocks), SIDE)
