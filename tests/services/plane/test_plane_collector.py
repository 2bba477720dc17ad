"""What the collector begins, what it refuses, and when it ends."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lab.agreed.run import Run
from tests.services.plane import bench

RUN = Run(seed=1, start_unix_s=1e9, duration_s=1, warmup_s=0, stages=((1, 1),))


def test_a_run_for_which_there_is_no_room_is_refused_and_the_one_before_is_over(stack: bench.Stack) -> None:
    assert stack.control("POST", "collector", "/runs", RUN.to_json())[0] == 200
    assert stack.control("GET", "collector", "/intervals?until_s=1")[0] == 200
    status, answer = stack.control("POST", "collector", "/runs", replace(RUN, stages=((1e9, 1e9),)).to_json())
    assert status == 507
    assert "no room for this run" in answer["error"]
    assert stack.control("GET", "collector", "/intervals?until_s=1")[0] == 404


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "soon"])
@pytest.mark.parametrize("question", ["/intervals?until_s=", "/slis?window_s="])
def test_what_is_no_finite_number_is_refused_with_a_reason(stack: bench.Stack, question: str, number: str) -> None:
    assert stack.control("POST", "collector", "/runs", RUN.to_json())[0] == 200
    status, answer = stack.control("GET", "collector", question + number)
    assert status == 400
    assert number in answer["error"]


def test_a_run_that_is_long_over_is_not_sampled_for_ever(stack: bench.Stack) -> None:
    # Scrape intervals of 50 ms.
    assert stack.control("POST", "collector", "/runs", replace(RUN, time_scale=100.0).to_json())[0] == 200
    time.sleep(2.0)
    assert stack.control("POST", "collector", "/flush")[1]["metrics"] == 0
