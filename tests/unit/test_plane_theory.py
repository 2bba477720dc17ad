"""The plane against queueing theory and against what must hold of any run: nothing is lost, no one works twice."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.draws import stream_key, uniforms
from lab.injection.levers import ComponentLimit, ComponentSlow, LinkCut, LinkDelay
from lab.recording.sides import CLIENT_FINAL, SERVER
from lab.recording.status import REFUSED
from lab.streams import Streams
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.build import build
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.samplers import parameters, quantiles
from tests.planes import MS, Bench
from tests.timelines import asking, system

REQUESTS = 100_000
SEEDS = range(1, 6)
MEAN_MS = 5.0


def queue(
    workers: int, load: float, seed: int, *, cv: float = 1.0, exponential: bool = False, max_wait: str = "10h"
) -> Any:
    """Waiting times (ms) of Poisson arrivals at one component, NaN for who was refused; the plane compiled."""
    service = {"mean": f"{MEAN_MS}ms", "cv": cv}
    of = system([], timeout="30m", links={"users->front": {"latency": "0s", "cv": 0}},
                service_time=service, workers=workers, max_wait=max_wait)  # fmt: skip
    gaps = -np.log1p(-uniforms(stream_key(Streams(seed), "gaps"), np.arange(REQUESTS), 0, 1)[:, 0])
    arrivals_ms = np.cumsum(gaps * MEAN_MS / (workers * load))
    bench = Bench(of, arrivals_ms.tolist(), seed=seed)
    bench.plane._kernel = load_plane()
    if exponential:
        row = bench.plane.tables.edge[0, at.E_SAMPLER]
        bench.plane.tables.sampler[row] = parameters(at.EXPONENTIAL, 0.0)
        bench.plane.tables.quantile[row] = quantiles(at.EXPONENTIAL, 0.0)
    bench.advance(float(arrivals_ms[-1]) + 10_000_000)
    sides = bench.sides()
    assert bench.plane.tables.head[at.H_LIVE] == 0
    calls = np.sort(sides[sides["side"] == CLIENT_FINAL], order="request")
    return calls, (calls["end_ns"] - calls["start_ns"]) / MS


def z(values: list[float], expected: float) -> float:
    """By how many standard errors the mean of seeds is off."""
    return float((np.mean(values) - expected) / (np.std(values, ddof=1) / math.sqrt(len(values))))


def erlang_b(workers: int, offered: float) -> float:
    blocked = 1.0
    for n in range(1, workers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def erlang_c(workers: int, offered: float) -> float:
    blocked = erlang_b(workers, offered)
    return blocked / (1 - offered / workers * (1 - blocked))


T4 = 8.6
"""Student's t with 4 degrees of freedom is beyond this once in a thousand."""


@pytest.mark.parametrize(("workers", "load"), [(1, 0.7), (4, 0.8), (16, 0.8)])
def test_waiting_of_exponential_work_is_erlangs(workers, load):
    found = [float(queue(workers, load, seed, exponential=True)[1].mean()) for seed in SEEDS]
    waiting = erlang_c(workers, workers * load) * MEAN_MS / (workers * (1 - load))
    assert abs(z(found, MEAN_MS + waiting)) < T4
    assert np.mean(found) == pytest.approx(MEAN_MS + waiting, rel=0.03)


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_waiting_at_one_worker_is_pollaczeks_and_khinchines(cv):
    load = 0.6
    found = [float(queue(1, load, seed, cv=cv)[1].mean()) for seed in SEEDS]
    waiting = load * (1 + cv * cv) / (2 * (1 - load)) * MEAN_MS
    assert abs(z(found, MEAN_MS + waiting)) < T4
    assert np.mean(found) == pytest.approx(MEAN_MS + waiting, rel=0.06)


@pytest.mark.parametrize(("exponential", "cv"), [(True, 1.0), (False, 0.5), (False, 1.5)])
def test_who_may_not_wait_is_refused_as_erlang_says_whatever_the_work_looks_like(exponential, cv):
    def refused(seed: int) -> float:
        calls, _ = queue(4, 0.75, seed, cv=cv, exponential=exponential, max_wait="0s")
        return float((calls["status"] == REFUSED).mean())

    found = [refused(seed) for seed in SEEDS]
    assert abs(z(found, erlang_b(4, 3.0))) < T4
    assert np.mean(found) == pytest.approx(erlang_b(4, 3.0), rel=0.03)


@pytest.mark.parametrize("cv", [0.1, 0.5, 1.0, 2.0])
def test_times_are_lognormal_with_their_mean_and_variation(cv):
    """Kolmogorov and Smirnov, and moments, of work without waiting."""
    calls, took = queue(400, 0.1, 3, cv=cv)
    _, mu, sigma = parameters(at.LOGNORMAL, cv)
    normal = np.sort((np.log(took / MEAN_MS) - mu) / sigma)
    expected = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in normal.tolist()])
    count = len(calls)
    distance = max(
        np.abs(expected - np.arange(count) / count).max(), np.abs(expected - np.arange(1, count + 1) / count).max()
    )
    assert distance < 1.95 / math.sqrt(count)  # once in a thousand
    assert took.mean() == pytest.approx(MEAN_MS, abs=5 * cv * MEAN_MS / math.sqrt(count))


def test_a_table_of_quantiles_keeps_the_mean():
    """What linear interpolation adds to a convex quantile function is little."""
    for cv in (0.2, 0.5, 1.0, 2.0):
        row = quantiles(at.LOGNORMAL, cv)
        _, mu, sigma = parameters(at.LOGNORMAL, cv)
        cut = at.CELLS // 128
        between = sum((a + b) / 2 for a, b in pairwise(row[cut : at.CELLS - cut + 1])) / at.CELLS
        tail = -2.4175590162365  # the normal quantile at 1/128

        def below(x: float, sigma: float = sigma) -> float:
            return 0.5 * (1 + math.erf((x - sigma) / math.sqrt(2)))

        assert between == pytest.approx(below(-tail) - below(tail), rel=2e-4)
        assert mu == pytest.approx(-sigma * sigma / 2)


LEVERS = st.sampled_from(["cut", "delay", "slow", "stop", "hold", "workers", "timeout", "restart", "none"])


@given(st.lists(st.tuples(st.integers(0, 1500), LEVERS), max_size=12), st.integers(1, 3))
@settings(max_examples=25)
def test_whatever_is_done_to_it_nothing_is_lost_and_the_tables_stay_in_order(
    acts: list[tuple[int, str]], seed: int
) -> None:
    steps = asking(timeout="8ms", retries=2, backoff="1ms", on_failure="continue")
    of = system(
        steps,
        components={"back": {"service_time": {"mean": "3ms", "cv": 1.0}, "workers": 2, "max_wait": "20ms"}},
        links={"front->back": {"latency": "0.5ms", "cv": 0.5}},
        timeout="40ms",
    ).model_copy(update={"world": None})
    times = np.sort(uniforms(seed, np.arange(400), 0, 1)[:, 0] * 1500).tolist()
    bench = Bench(of, times, seed=seed)
    for moment, what in sorted(acts):
        bench.advance(moment)
        act(bench, what)
        bench.sync()
        check(bench)
    back = bench.state.components["back"]
    back.stopped_by.clear()
    back.holds.clear()
    bench.sync()
    bench.plane.release(back)
    bench.advance(100_000)
    check(bench)
    head = bench.plane.tables.head
    assert head[at.H_ROOTS] == 400
    assert head[at.H_LIVE] == 0
    assert (bench.plane.tables.frame[:, at.F_FLAGS] == -1).all()


def act(bench: Bench, what: str) -> None:
    back, link = bench.state.components["back"], bench.state.links["front->back"]
    if what == "cut":
        link.cut = None if link.cut else LinkCut(direction="both", fraction=0.5)
    elif what == "delay":
        link.delay = None if link.delay else LinkDelay(latency_s=0.005, jitter_s=0.002, fraction=1.0)
    elif what == "slow":
        back.slow = None if back.slow else ComponentSlow(factor=3.0)
    elif what == "workers":
        back.limit = None if back.limit else ComponentLimit(workers=1)
    elif what == "stop":
        back.stop("test", not back.stopped)
    elif what == "hold":
        (back.holds.discard if back.holds else back.holds.add)("test")
        bench.sync()
        if not back.holds:
            bench.plane.release(back)
    elif what == "restart":
        bench.restart("back")
    elif what == "timeout":
        edge = next(e for e in bench.state.edges if e.callee is back)
        edge.timeout_ns = 3 * MS if edge.timeout_ns > 3 * MS else 8 * MS


def check(bench: Bench) -> None:
    """What holds of the tables at any time."""
    t = bench.plane.tables
    head, n = t.head, int(t.head[at.H_HEAP])
    events = [tuple(row) for row in t.heap[:n].tolist()]
    assert all(events[(i - 1) // 4] < events[i] for i in range(1, n))
    in_use = t.frame[: head[at.H_FRAMES], at.F_FLAGS] >= 0
    assert in_use.sum() == head[at.H_LIVE]
    free, slot = 0, int(head[at.H_FREE])
    while slot >= 0:
        assert t.frame[slot, at.F_FLAGS] == -1
        free, slot = free + 1, int(t.frame[slot, at.F_NEXT])
    assert free + head[at.H_LIVE] == head[at.H_FRAMES]
    for edge in t.edge:
        ring, slot = [], int(edge[at.E_RING_HEAD])
        while slot >= 0:
            assert t.frame[slot, at.F_FLAGS] & (at.FLAG_RING | at.FLAG_CLIENT) == at.FLAG_RING | at.FLAG_CLIENT
            ring.append(int(t.frame[slot, at.F_DEADLINE]))
            slot = int(t.frame[slot, at.F_LATER])
        assert ring == sorted(ring)
        assert not ring or edge[at.E_ARMED]
    for row in t.component:
        heap = t.free[row[at.C_FIRST_FREE] : row[at.C_FIRST_FREE] + row[at.C_WORKERS]].tolist()
        assert all(heap[(i - 1) // 2] <= heap[i] for i in range(1, len(heap)))


def test_no_worker_does_two_things_at_once():
    of = system([], workers=3, service_time={"mean": "10ms", "cv": 1.0})
    times = np.sort(uniforms(5, np.arange(500), 0, 1)[:, 0] * 1800).tolist()
    bench = Bench(of, times)
    bench.advance(100_000)
    sides = bench.sides()
    work = np.sort(sides[sides["side"] == SERVER], order="start_ns")
    busy_ns = int(bench.plane.tables.component[1, at.C_BUSY])
    assert len(work) == 500
    own_work = [int(end - max(start, free)) for start, end, free in _by_workers(work, 3)]
    assert sum(own_work) == busy_ns
    assert min(own_work) > 0


def _by_workers(work: Any, workers: int) -> list[tuple[int, int, int]]:
    """(arrival, end, when its worker became free) of each, worked off by the worker that was free first."""
    free, found = [0] * workers, []
    for start, end in zip(work["start_ns"].tolist(), work["end_ns"].tolist(), strict=True):
        found.append((start, end, min(free)))
        free[free.index(min(free))] = end
    return found


def test_a_fault_on_one_link_shifts_no_other_calls_draws():
    of = system(
        [*asking(on_failure="continue"), {"name": "then", "call": "other", "timeout": "1s"}],
        components={name: {"service_time": {"mean": "3ms", "cv": 1.0}, "workers": 400} for name in ("back", "other")},
        links={"front->back": {"latency": "1ms", "cv": 1.0}, "front->other": {"latency": "1ms", "cv": 1.0}},
        workers=400, service_time={"mean": "2ms", "cv": 1.0},
    )  # fmt: skip
    well, ill = Bench(of, list(range(0, 900, 3))), Bench(of, list(range(0, 900, 3)))
    ill.state.links["front->back"].delay = LinkDelay(latency_s=0.015, jitter_s=0.01, fraction=0.7)
    ill.state.links["front->back"].cut = LinkCut(direction="both", fraction=0.2)
    ill.sync()
    took = []
    for bench in (well, ill):
        bench.advance(100_000)
        sides = bench.sides()
        other = sides[sides["edge"] == 2]
        took.append({(int(s["key"]), int(s["side"])): int(s["end_ns"] - s["start_ns"]) for s in other})
    assert took[0] == took[1]
    assert len(took[0]) == 600


def test_the_same_system_and_seed_make_the_same_tables():
    of = system(asking())
    assert [table.tobytes() for table in build(of.model_copy(update={"world": None})).tables] == [
        table.tobytes() for table in build(of.model_copy(update={"world": None})).tables
    ]
