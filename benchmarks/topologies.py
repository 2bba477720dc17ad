"""CPU of an event on the request plane in systems of 5 to 426 services: what a large topology costs.

Each system is a tree of services, each of which calls up to five others one after the other; every size gets as
many events. Spans are written. Rounds go through all sizes, at as many handlings a second in each, and at as many
requests a second, of which a larger system has more under way.

    python benchmarks/topologies.py [rounds]
"""

from __future__ import annotations

import gc
import sys
from statistics import median
from time import process_time
from typing import Any

from chain_on_plane import Turns
from measuring import Figure, reported, rounds_asked

from lab.clock import NS
from lab.compiled import Kernel
from lab.scenario.arrivals import Arrivals
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.arrivals import Sources
from lab.testbeds.sim.plane.build import build
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.plane import Plane

ROUNDS = 5
GOAL = 1.6
SIZES = (5, 26, 101, 426)
HANDLINGS, HANDLINGS_PER_S = 600_000, 8_000
"""Server sides a round, and a second where as much is under way in each size."""
REQUESTS_PER_S = (HANDLINGS_PER_S / SIZES[-1], 100.0, HANDLINGS_PER_S / SIZES[0])
"""Where the largest and the smallest get as many requests: the goal is for the first."""


def tree(services: int) -> System:
    """The entry and below it the others, each with up to five it calls, in the order of their numbers."""
    parts: dict[str, Any] = {"users": {"kind": "users", "steps": [{"name": "visit", "call": "s0", "timeout": "60s"}]}}
    links = {"users->s0": {"latency": "0.3ms"}}
    for i in range(services):
        below = range(5 * i + 1, min(5 * i + 6, services))
        # Not all alike: every other callee is tried again, some have a short timeout.
        steps = [
            {"name": f"ask{j}", "call": f"s{j}", "timeout": "20s" if j % 3 else "1s", "retries": j % 2} for j in below
        ]
        work = {"mean": "1ms", "cv": (0.3, 0.5, 0.8)[i % 3]}
        parts[f"s{i}"] = {"kind": "service", "workers": 4, "service_time": work, "steps": steps}
        links |= {f"s{i}->s{j}": {"latency": "0.3ms", "cv": (0.3, 0.5)[j % 2]} for j in below}
    return System.model_validate({"schema_version": 1, "name": "tree", "components": parts, "links": links})


def ns_an_event(services: int, rate_per_s: float, seed: int, kernel: Kernel) -> float:
    """CPU of one round for each event, building and taking out blocks included."""
    system, turns = tree(services), Turns(take=lambda sides: None)
    gc.collect()
    began = process_time()
    plane = Plane(build(system), kernel, turns)
    streams = Streams(seed)
    turns.sources = Sources(plane, streams, None)
    for_s = HANDLINGS / services / rate_per_s
    stage = Stage.model_construct(for_s=for_s, rate_per_s=rate_per_s)
    turns.sources.open("load", 0, Arrivals((stage,), 0.0, 0.0, streams, "load"))
    plane.advance(round((for_s + 3600) * NS))
    plane.drain()
    return (process_time() - began) / int(plane.tables.head[at.H_EVENTS]) * 1e9


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """The largest system beside the smallest: with as many handlings a second, and with as many requests."""
    kernel = load_plane()
    small, large = SIZES[0], SIZES[-1]
    alike = [(size, HANDLINGS_PER_S / size) for size in SIZES]
    cases = dict.fromkeys([*alike, *((size, rate) for rate in REQUESTS_PER_S for size in (small, large))])
    took: dict[tuple[int, float], list[float]] = {case: [] for case in cases}
    for seed in range(rounds + 1):
        for case, ns in took.items():
            ns.append(ns_an_event(*case, seed, kernel))
    for ns in took.values():
        del ns[0]  # the first round warms up

    def ratios(one: tuple[int, float], other: tuple[int, float]) -> tuple[float, ...]:
        return tuple(a / b for a, b in zip(took[one], took[other], strict=True))

    each = ", ".join(f"{size} services {median(took[size, rate]):.0f} ns" for size, rate in alike)
    rates = ", ".join(
        f"{rate:.4g}/s {median(took[small, rate]):.0f} and {median(took[large, rate]):.0f} ns"
        f" ({median(ratios((large, rate), (small, rate))):.2f})"
        for rate in REQUESTS_PER_S
    )
    usual = REQUESTS_PER_S[0]
    as_many = f"the same at {usual:.3g} requests/s"
    return [
        Figure(f"ns an event, {large} services / {small}", ratios(alike[-1], alike[0]), GOAL, digits=2, detail=each),
        Figure(as_many, ratios((large, usual), (small, usual)), GOAL, digits=2, detail=rates),
    ]


if __name__ == "__main__":
    sys.exit(reported(measure(rounds_asked(ROUNDS))))
