"""The chain of `engine_vs_naive.py` on the request plane, without a world: what benchmarks of the plane run."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
from engine_vs_naive import MISS_RATIO, RATE_PER_S, REQUESTS, SLOW, Outcome, chain

from lab.clock import NS
from lab.compiled import Kernel
from lab.content.operations import OP_CHANCE, Op
from lab.content.protocol import Layout
from lab.draws import threshold
from lab.injection.levers import ComponentSlow
from lab.recording.sides import SERVER, from_words
from lab.recording.status import OK
from lab.scenario.arrivals import Arrivals
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.arrivals import Sources
from lab.testbeds.sim.plane.build import build
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.plane import Plane
from lab.testbeds.sim.state import at_rest

LOOK_UP = Layout({"look_up": Op(OP_CHANCE, argument=threshold(MISS_RATIO))})
"""Own code that misses at random."""
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

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        raise AssertionError("nothing here is the world's")


def opened(system: System, seed: int, requests: int, kernel: Kernel, turns: Turns, *, records: bool) -> Plane:
    """A plane with as many arrivals as the load has on average, built from the system's file as a run builds it."""
    streams = Streams(seed)
    plane = Plane(build(system, LOOK_UP), kernel, turns)
    plane.tables.head[at.H_RECORDS] = records
    turns.sources = Sources(plane, streams, None)
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
        plane.sync(state)
    plane.advance(round((requests / RATE_PER_S + 3600) * NS))
    plane.drain()
    took = process_time() - began
    roots = int(plane.tables.head[at.H_ROOTS])
    return Outcome(turns.failed, int(plane.tables.head[at.H_EVENTS]), took * requests / roots)


def kept_blocks() -> tuple[list[Any], Taker]:
    """Where blocks of sides are kept, and what keeps them: they are copies already."""
    blocks: list[Any] = []
    return blocks, blocks.append


def handled(seed: int) -> int:
    """Components' handlings (server sides) in a round."""
    blocks, take = kept_blocks()
    run_plane(seed, records=True, take=take)
    return int((sides_of(blocks)["side"] == SERVER).sum())


def sides_of(blocks: list[Any]) -> Any:
    """Blocks as rows."""
    return from_words(np.concatenate(blocks))
