"""What is in force at the load is what its workers say: tastes with their lease, surges; none without a run."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.agreed.run import Run
from tests.services.plane import bench
from tests.waiting import eventually


@pytest.fixture(scope="module")
def load(stack: bench.Stack) -> bench.Stack:
    bench.start_load(stack)
    return stack


def start_run(load: bench.Stack) -> None:
    run = Run(seed=3, start_unix_s=time.time(), duration_s=1800, warmup_s=0, stages=((1800, 0.01),))
    assert load.control("POST", "load", "/runs", run.to_json())[0] == 200


def tastes(load: bench.Stack) -> Any:
    return load.control("GET", "load", "/tastes")[1]["fraction"]


def test_tastes_are_those_of_a_run_and_end_with_their_lease(load: bench.Stack) -> None:
    assert load.control("PUT", "load", "/tastes", {"fraction": 0.5}) == (200, {"fraction": None})
    start_run(load)
    assert load.control("PUT", "load", "/tastes", {"fraction": 0.5, "lease_s": 600}) == (200, {"fraction": 0.5})
    assert tastes(load) == 0.5
    assert load.control("PUT", "load", "/tastes", {"fraction": 0.5, "lease_s": 0.5})[0] == 200
    eventually(lambda: tastes(load) is None)
    assert load.control("PUT", "load", "/tastes", {"fraction": 0.3}) == (200, {"fraction": 0.3})
    start_run(load)
    assert tastes(load) is None
    for bad in ({}, {"fraction": 2}, {"fraction": "some"}, {"fraction": 0.5, "lease_s": 0}):
        assert load.control("PUT", "load", "/tastes", bad)[0] == 400
    load.control("DELETE", "load", "/runs")


def test_tastes_that_are_set_again_are_in_force_all_the_while(load: bench.Stack) -> None:
    start_run(load)
    tastes_are = {"fraction": 0.5, "lease_s": 600}
    assert load.control("PUT", "load", "/tastes", tastes_are)[0] == 200
    with ThreadPoolExecutor(1) as beside:
        renewals = beside.submit(lambda: [load.control("PUT", "load", "/tastes", tastes_are) for _ in range(50)])
        seen = [tastes(load)]
        while not renewals.done():
            seen.append(tastes(load))
    assert renewals.result() == 50 * [(200, {"fraction": 0.5})]
    assert set(seen) == {0.5}
    load.control("DELETE", "load", "/runs")


def test_surges_are_read_from_the_workers_and_end_with_the_run(load: bench.Stack) -> None:
    start_run(load)
    surge = {"kind": "surge", "rate_per_s": 2.0, "at_s": 0.0}
    assert load.control("POST", "load", "/surges", surge) == (200, {"surge": 2.0, "bots": None})
    assert load.control("GET", "load", "/surges") == (200, {"surge": 2.0, "bots": None})
    assert load.control("POST", "load", "/surges", {**surge, "rate_per_s": None})[1]["surge"] is None
    load.control("POST", "load", "/surges", {**surge, "kind": "bots"})
    load.control("DELETE", "load", "/runs")
    assert load.control("GET", "load", "/surges") == (200, {"surge": None, "bots": None})
