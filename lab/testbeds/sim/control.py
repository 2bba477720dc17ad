"""Control processes on SimPy's clock: jobs, scrapes, pauses, safety stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import simpy

from lab.clock import to_ns
from lab.streams import Streams
from lab.testbeds.sim.engine import RequestEngine
from lab.testbeds.sim.levers import SimLevers
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import ComponentState

Process = Iterator[simpy.Event]


def run_job(
    env: simpy.Environment, engine: RequestEngine, levers: SimLevers, component: ComponentState, source: Source
) -> Process:
    """Starts a job's run every period; a frozen job skips, a delayed one starts later (and skips while behind).

    A run is numbered by when it is due, so that a delay shifts neither the schedule nor the draws of later runs.
    """
    declared_ns, number = component.period_ns, -1
    while True:
        # Later than the one before also where the period was made shorter than the system's file has it.
        number = max(number + 1, env.now // declared_ns)
        source.make_room(number)
        period_ns = component.period_ns
        yield env.timeout(period_ns - env.now % period_ns)
        late_ns = to_ns(levers.job_delay_s(component.name))
        if late_ns:
            yield env.timeout(late_ns)
        if not levers.job_frozen(component.name) and not component.stopped:
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


def later(env: simpy.Environment, seconds: float, do: Callable[[], None]) -> Process:
    """Does something once, so many seconds from now."""
    yield env.timeout(to_ns(seconds))
    do()


def scrape(env: simpy.Environment, interval_ns: int, sample: Callable[[int], None]) -> Process:
    """Samples gauges at every interval."""
    while True:
        yield env.timeout(interval_ns)
        sample(env.now)
