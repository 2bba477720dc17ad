"""Pools on the compiled plane against queueing theory, each within its confidence interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.compiled import interpreted
from lab.draws import stream_key, uniforms
from lab.injection.levers import ComponentLimit, LinkCut
from lab.recording.sides import CLIENT_FINAL
from lab.recording.status import DEPENDENCY, REFUSED
from lab.streams import Streams
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.loop import advance, load_plane
from lab.testbeds.sim.plane.samplers import parameters, quantiles
from tests.planes import MS, Bench
from tests.timelines import system

REQUESTS, SEEDS, MEAN_MS = 60_000, range(1, 6), 5.0
T4 = 8.6
"""Student's t with 4 degrees of freedom is beyond this once in a thousand."""
AT_ONCE = {"latency": "0s", "cv": 0}
NO_WORK = {"mean": "0s", "cv": 0}
WORK = {"mean": f"{MEAN_MS}ms", "cv": 1.0}
STEP = {"name": "ask", "call": "back", "timeout": "30m"}
MANY = {"back": {"workers": 4000, "service_time": WORK}}


def of_workers(workers: int, **more: Any) -> Any:
    """Own work of a component whose workers are handed out one by one."""
    work = {"mean": f"{MEAN_MS}ms", "cv": more.pop("cv", 1.0)}
    return system([], timeout="30m", links={"users->front": AT_ONCE}, service_time=work, workers=workers,
                  max_wait="10h", **{"queue": 1_000_000, **more})  # fmt: skip


def of_held_workers(workers: int, **more: Any) -> Any:
    """Workers that do nothing themselves but wait for a call."""
    links = {"users->front": AT_ONCE, "front->back": AT_ONCE}
    return system([STEP], timeout="30m", components=MANY, links=links, service_time=NO_WORK, workers=workers,
                  max_wait="10h", handling="thread-per-request", **more)  # fmt: skip


def of_connections(size: int, **more: Any) -> Any:
    """A call that needs one of so many connections, of a component with workers enough."""
    pool = {"size": size, "max_wait": "10h", **more}
    links = {"users->front": AT_ONCE, "front->back": {**AT_ONCE, "pool": pool}}
    return system([STEP], timeout="30m", components=MANY, links=links, service_time=NO_WORK, workers=4000)


ALL = [of_workers, of_held_workers, of_connections]
each_kind = pytest.mark.parametrize("kind", ALL)


def simulated(of: Any, size: int, load: float, seed: int, *, exponential: bool = True) -> tuple[Any, Any]:
    """(the pool's row, users' calls) after Poisson arrivals."""
    gaps = -np.log1p(-uniforms(stream_key(Streams(seed), "gaps"), np.arange(REQUESTS), 0, 1)[:, 0])
    arrivals_ms = np.cumsum(gaps * MEAN_MS / (size * load))
    bench = Bench(of.model_copy(update={"world": None}), arrivals_ms.tolist(), seed=seed, kernel=load_plane())
    if exponential:
        bench.plane.tables.sampler[:] = parameters(at.EXPONENTIAL, 0.0)
        bench.plane.tables.quantile[:] = quantiles(at.EXPONENTIAL, 0.0)
    bench.advance(float(arrivals_ms[-1]) + 10_000_000)
    assert bench.plane.tables.head[at.H_LIVE] == 0
    sides = bench.sides()
    (row,) = bench.plane.tables.pool
    assert row[at.R_IN_USE] == row[at.R_LENGTH] == 0
    return row, sides[(sides["side"] == CLIENT_FINAL) & (sides["edge"] == 0)]


def agrees(measure: Callable[[int], float], expected: float) -> None:
    """The mean over seeds is what theory says, within its interval, and not for the interval is wide."""
    values = [measure(seed) for seed in SEEDS]
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert abs(np.mean(values) - expected) < T4 * error
    assert np.mean(values) == pytest.approx(expected, rel=0.05)


def erlang_b(servers: int, offered: float) -> float:
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def full(servers: int, queue: int, offered: float) -> float:
    """Probability that M/M/c/K is full: K = servers + queue (Kleinrock 1975, 3.6)."""
    weights = [offered**n / math.factorial(n) for n in range(servers + 1)]
    for _ in range(queue):
        weights.append(weights[-1] * offered / servers)
    return weights[-1] / sum(weights)


@each_kind
@pytest.mark.parametrize(("size", "load"), [(1, 0.7), (4, 0.8)])
def test_the_mean_wait_is_erlangs(kind, size, load):
    blocked = erlang_b(size, size * load)
    waits = blocked / (1 - load * (1 - blocked))
    expected_ms = waits * MEAN_MS / (size * (1 - load))

    def waited_ms(seed: int) -> float:
        row, calls = simulated(kind(size), size, load, seed)
        assert row[at.R_TAKEN] == REQUESTS
        # What users see is the wait and what comes after it, whose mean is known.
        seen_ms = float((calls["end_ns"] - calls["start_ns"]).mean()) / MS
        counted_ms = row[at.R_WAITED] / REQUESTS / MS
        assert seen_ms == pytest.approx(counted_ms + MEAN_MS, rel=0.02)
        return float(counted_ms)

    agrees(waited_ms, expected_ms)


@each_kind
@pytest.mark.parametrize("queue", [0, 3])
def test_the_share_that_is_turned_away_is_that_of_a_full_queue(kind, queue):
    size, load = 4, 0.75
    status = DEPENDENCY if kind is of_connections else REFUSED  # of users' calls

    def turned_away(seed: int) -> float:
        row, calls = simulated(kind(size, queue=queue), size, load, seed)
        assert row[at.R_SHED] == REQUESTS - row[at.R_TAKEN]
        assert row[at.R_SHED] == (calls["status"] == status).sum()
        return float(row[at.R_SHED]) / REQUESTS

    expected = full(size, queue, size * load)
    if queue == 0:
        assert expected == pytest.approx(erlang_b(size, size * load))
    agrees(turned_away, expected)


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0])
def test_at_one_worker_the_wait_is_pollaczeks_and_khinchines_that_of_constant_work_included(cv):
    load = 0.6

    def waited_ms(seed: int) -> float:
        row, _ = simulated(of_workers(1, cv=cv), 1, load, seed, exponential=False)
        return float(row[at.R_WAITED]) / REQUESTS / MS

    agrees(waited_ms, load * (1 + cv * cv) / (2 * (1 - load)) * MEAN_MS)


def test_workers_that_are_handed_out_one_by_one_work_at_the_same_times_as_those_booked_on_arrival():
    times = np.sort(uniforms(5, np.arange(3000), 0, 1)[:, 0] * 6000).tolist()
    found = []
    for more in ({}, {"queue": 1_000_000}):
        work = {"mean": "5ms", "cv": 2.0}
        bench = Bench(system([], service_time=work, workers=3, max_wait="10h", **more), times, kernel=load_plane())
        bench.advance(100_000)
        sides = bench.sides()
        found.append(sides[np.lexsort((sides["side"], sides["request"]))].tobytes())
    assert found[0] == found[1]


LEVERS = st.sampled_from(["workers", "hold", "stop", "restart front", "restart back", "cut", "size", "wait", "none"])


@given(st.lists(st.tuples(st.integers(0, 400), LEVERS), max_size=10), st.integers(1, 3))
@settings(max_examples=15)
def test_whatever_is_done_nothing_is_lost_and_both_ways_of_running_agree(acts: list[tuple[int, str]], seed: int):
    pool: dict[str, Any] = {"size": 2, "max_wait": "5ms", "queue": 3}
    steps = [
        {"name": "ask", "call": "back", "timeout": "8ms", "retries": 1, "on_failure": "continue", "pool": pool},
        {"name": "again", "call": "back", "timeout": "20ms", "backoff": "1ms", "on_failure": "continue"},
    ]
    of = system(
        steps, timeout="40ms", handling="thread-per-request", workers=3, queue=6, max_wait="15ms",
        components={"back": {"service_time": {"mean": "3ms", "cv": 1.0}, "workers": 2, "queue": 4}},
        links={"front->back": {"latency": "0.5ms", "cv": 0.5, "pool": {"size": 2, "max_wait": "0s"}}},
    ).model_copy(update={"world": None})  # fmt: skip
    times = np.sort(uniforms(seed, np.arange(120), 0, 1)[:, 0] * 400).tolist()
    found = []
    for kernel in (interpreted(advance), load_plane()):
        bench = Bench(of, times, seed=seed, kernel=kernel)
        for moment, what in sorted(acts):
            bench.advance(moment)
            act(bench, what)
            bench.sync()
            check(bench)
        front = bench.state.components["front"]
        front.stopped_by.clear()
        front.holds.clear()
        bench.sync()
        bench.advance(100_000)
        head = bench.plane.tables.head
        assert head[at.H_ROOTS] == 120
        assert head[at.H_LIVE] == 0
        pools = bench.plane.tables.pool
        assert not pools[:, [at.R_IN_USE, at.R_LENGTH]].any()
        found.append((bench.sides().tobytes(), pools.tobytes()))
    assert found[0] == found[1]


def act(bench: Bench, what: str) -> None:
    front, link = bench.state.components["front"], bench.state.links["front->back"]
    if what == "workers":
        front.limit = None if front.limit else ComponentLimit(workers=1)
    elif what == "hold":
        (front.holds.discard if front.holds else front.holds.add)("test")
        if not front.holds:
            bench.release("front")
    elif what == "stop":
        front.stop("test", not front.stopped)
    elif what.startswith("restart"):
        bench.restart(what.split()[1])
    elif what == "cut":
        link.cut = None if link.cut else LinkCut(direction="both", fraction=0.5)
    elif what == "size":
        pool = bench.state.connections[0]
        pool.set("size", 3 - pool.size if pool.size < 3 else 2)
    elif what == "wait":
        bench.state.connections[1].set("max_wait_s", 0.004)


def check(bench: Bench) -> None:
    """What holds of pools at any time: who waits is linked, and who uses one of it is known."""
    t = bench.plane.tables
    in_use = t.frame[: t.head[at.H_FRAMES], at.F_FLAGS] >= 0
    flags = np.where(in_use, t.frame[: t.head[at.H_FRAMES], at.F_FLAGS], 0)
    for i, row in enumerate(t.pool):
        queue, slot = [], int(row[at.R_HEAD])
        for _ in range(row[at.R_LENGTH]):
            assert in_use[slot]
            queue.append(int(t.frame[slot, at.F_ARRIVED]))
            slot = int(t.frame[slot, at.F_NEXT])
        assert queue == sorted(queue)
        assert not queue or row[at.R_HELD] or row[at.R_LOOK_AT] < at.FAR
        edge = t.frame[: len(flags), at.F_EDGE].clip(0)
        if row[at.R_OWNER] >= 0:
            mine = (flags & at.FLAG_WORKER > 0) & (flags & at.FLAG_SERVER > 0) & (
                t.component[t.edge[edge, at.E_CALLEE], at.C_POOL] == i
            )  # fmt: skip
        else:
            mine = (flags & at.FLAG_CONNECTION > 0) & (flags & at.FLAG_CLIENT > 0) & (
                t.edge[edge, at.E_TRAITS] >> at.TRAIT_POOL_SHIFT == i + 1
            )  # fmt: skip
        assert int(mine.sum()) == row[at.R_IN_USE]
