"""Driving the plane: nothing depends on where it stops, on the sizes of its blocks and windows, or on growth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.systems.topology import System
from lab.testbeds.sim.plane import arrivals as arrivals_module
from lab.testbeds.sim.plane import build as build_module
from lab.testbeds.sim.plane import layout as at
from tests.planes import MS, Bench, Given
from tests.timelines import asking, system

VARIED = system(
    asking(timeout="6ms", retries=1, backoff="1ms", on_failure="continue"),
    components={"back": {"service_time": {"mean": "3ms", "cv": 1.0}, "workers": 1, "max_wait": "20ms"}},
    links={"front->back": {"latency": "0.5ms", "cv": 0.5}},
).model_copy(update={"world": None})
TIMES_MS = np.sort(np.random.default_rng(3).uniform(0, 1500, 300)).tolist()
WHOLE_MS = 5_000


def recorded(bench: Bench) -> bytes:
    bench.advance(WHOLE_MS)
    bench.plane.drain()
    return b"".join(block.tobytes() for block in bench.blocks)


@pytest.fixture(scope="module")
def whole() -> bytes:
    return recorded(Bench(VARIED, TIMES_MS))


@given(st.lists(st.integers(0, 2_000 * MS), max_size=40), st.integers(0, 3))
@settings(max_examples=15)
def test_many_small_steps_are_one_big_step(whole: bytes, stops: list[int], drains: int) -> None:
    bench = Bench(VARIED, TIMES_MS)
    for i, moment in enumerate(sorted(stops)):
        bench.plane.advance(moment)
        if drains and i % drains == 0:
            bench.plane.drain()
    assert recorded(bench) == whole


@pytest.mark.parametrize("size", [17, 64, 1000])
def test_sizes_of_blocks_show_in_nothing(whole: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_module, "SIDES", size)
    assert recorded(Bench(VARIED, TIMES_MS)) == whole


@pytest.mark.parametrize("size", [2, 3, 64])
def test_sizes_of_windows_show_in_nothing(whole: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals_module, "WINDOW", size)
    assert recorded(Bench(VARIED, TIMES_MS)) == whole


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(2, 5))
@settings(max_examples=20)
def test_every_request_of_a_stream_comes_at_its_time(sizes: list[int], window: int) -> None:
    times, chunks = [], []
    for size in sizes:
        first = len(times)
        chunks.append([(first + i) * MS for i in range(size)])
        times += chunks[-1]
    bench = Bench(VARIED, [])
    given_ = Given([])
    given_._chunks, given_.chunks_count = [np.array(chunk, np.int64) for chunk in chunks], len(chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals_module, "WINDOW", window)
        source = bench.sources.open("surge", bench.state.entry_edge.caller.index, given_)
        bench.advance(WHOLE_MS)
    sides = bench.sides()
    visits = sides[(sides["edge"] == bench.state.entry_edge.index) & (sides["side"] != 2)]
    assert sorted(visits["start_ns"].tolist()) == times
    assert sorted((visits["request"] - source.base).tolist()) == list(range(len(times)))


def test_a_closed_stream_ends() -> None:
    bench = Bench(VARIED, range(100))
    bench.advance(30.5)
    bench.sources.close(bench.sources.all[0], bench.plane.now_ns)
    bench.advance(WHOLE_MS)
    assert bench.plane.tables.head[at.H_ROOTS] == 31


def test_runs_of_a_job_have_the_numbers_they_are_given() -> None:
    ticking = System.model_validate(
        {
            "schema_version": 1, "name": "ticking",
            "components": {
                "users": {"kind": "users", "steps": [{"name": "visit", "call": "back"}]},
                "back": {"kind": "service", "service_time": {"mean": "3ms", "cv": 0}},
                "clock": {"kind": "job", "period": "1s", "steps": [{"name": "tick", "call": "back"}]},
            },
            "links": {"users->back": {"latency": "1ms", "cv": 0}, "clock->back": {"latency": "1ms", "cv": 0}},
        }
    )  # fmt: skip
    bench = Bench(ticking, [])
    job = bench.sources.open_job("job/clock", bench.state.components["clock"].index)
    for number, time in ((0, 10), (7, 30), (8, 31)):
        bench.advance(time)
        bench.sources.submit(job, number, bench.plane.now_ns)
    bench.advance(WHOLE_MS)
    runs = bench.sides()[bench.sides()["edge"] < 0]
    found = [((run["request"] - job.base), run["start_ns"] / MS, run["end_ns"] / MS) for run in runs]
    assert found == [(0, 10, 15), (7, 30, 35), (8, 31, 38)]
    assert (runs["key"] == runs["parent"]).all()


def test_a_copy_goes_on_as_the_plane_does_and_leaves_it_alone(whole: bytes) -> None:
    bench = Bench(VARIED, TIMES_MS)
    bench.advance(700)
    bench.plane.drain()
    other = Bench(VARIED, [])
    other.blocks = list(bench.blocks)
    other.plane = bench.plane.branch(other)
    other.sources = bench.sources.branch(other.plane, None)
    bench.state.components["back"].stop("test", is_stopped=True)
    bench.sync()
    assert recorded(other) == whole
    assert recorded(bench) != whole


def test_more_workers_are_free_at_once_and_fewer_keep_what_they_began() -> None:
    slow = system([], workers=2, service_time={"mean": "10ms", "cv": 0}).model_copy(update={"world": None})
    bench = Bench(slow, [0, 0, 2, 30, 30, 60, 60, 60])
    for time, workers in ((1.5, 1), (25, 2), (50, 7)):
        bench.advance(time)
        component = bench.state.components["front"]
        component.configured_workers = workers
        bench.sync()
    bench.advance(WHOLE_MS)
    assert [end for _, who, _, end, _ in bench.spans() if who == "front"] == [11, 11, 21, 41, 41, 71, 71, 71]
