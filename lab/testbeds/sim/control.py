"""Control processes on SimPy's clock: faults and decoys, jobs, scrapes, pauses, safety stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import simpy

from lab.streams import Streams
from lab.testbeds.sim.engine import RequestEngine
from lab.testbeds.sim.levers import SimLevers
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import ComponentState, to_ns

Process = Iterator[Any]


def hold_fault(
    env: simpy.Environment, context: Callable[[], AbstractContextManager[None]], at_ns: int, for_ns: int | None
) -> Process:
    """Enters the context at its time and leaves it `for_ns` later, or when the run ends."""
    yield env.timeout(at_ns - env.now)
    with context():
        yield env.timeout(for_ns) if for_ns is not None else env.event()


def run_job(
    env: simpy.Environment, engine: RequestEngine, levers: SimLevers, component: ComponentState, source: Source
) -> Process:
    """Starts a job's run every period; a frozen job skips, a delayed one starts later (and skips while behind).

    A run is numbered by when it is due, so that a delay shifts neither the schedule nor the draws of later runs.
    """
    period_ns = to_ns(component.spec.period_s)
    while (number := env.now // period_ns) < source.count:
        yield env.timeout((number + 1) * period_ns - env.now)
        late_ns = to_ns(levers.job_delay_s(component.name))
        if late_ns:
            yield env.timeout(late_ns)
        if not levers.job_frozen(component.name):
            engine.submit(source, number, env.now, component)


def pause_sometimes(
    env: simpy.Environment, component: ComponentState, streams: Streams, release: Callable[[ComponentState], None]
) -> Process:
    """Stop-the-world pauses (garbage collection, a noisy neighbour) in normal operation."""
    assert component.spec.pauses is not None
    rng = streams.generator("pauses", component.name)
    every_s, mean_s = component.spec.pauses.every_s, component.spec.pauses.mean_s
    while True:
        yield env.timeout(to_ns(rng.exponential(every_s)))
        component.holds.add("runtime")
        yield env.timeout(to_ns(rng.uniform(0, 2 * mean_s)))
        component.holds.discard("runtime")
        if not component.holds:
            release(component)


def scrape(env: simpy.Environment, interval_ns: int, sample: Callable[[int], None]) -> Process:
    """Samples gauges at every interval."""
    while True:
        yield env.timeout(interval_ns)
        sample(env.now)
