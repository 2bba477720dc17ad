"""Requests on timelines worked out by hand (see `tests/timelines.py` for the system)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.injection.levers import ComponentLimit, ComponentSlow, LinkCut
from lab.recording.status import ERROR, MISS, OK
from lab.systems.topology import System
from tests.planes import Bench
from tests.timelines import WELL, Act, asking, link, run, system


def stop(bench: Bench) -> None:
    bench.state.components["back"].stop("test", is_stopped=True)


def pause(bench: Bench) -> None:
    bench.state.components["back"].holds.add("paused")


def resume(bench: Bench) -> None:
    bench.state.components["back"].holds.discard("paused")
    bench.release("back")


def kill(name: str) -> Act:
    return lambda bench: bench.restart(name)


def test_a_call_chain() -> None:
    assert run(system()) == WELL


def test_two_calls_one_after_the_other() -> None:
    steps = [{"name": "one", "call": "a"}, {"name": "two", "call": "b"}]
    assert run(system(steps)) == [
        (0, "users->front", 0, 14, "ok"),
        (0, "front", 1, 13, "ok"),
        (0, "front->a", 3, 8, "ok"),
        (0, "a", 4, 7, "ok"),
        (0, "front->b", 8, 13, "ok"),
        (0, "b", 9, 12, "ok"),
    ]


def test_one_worker_makes_requests_queue() -> None:
    slow = {"workers": 1, "service_time": {"mean": "10ms", "cv": 0}}
    assert run(system([], **slow), arrivals=[0, 1, 2]) == [
        (0, "users->front", 0, 12, "ok"),
        (0, "front", 1, 11, "ok"),
        (1, "users->front", 1, 22, "ok"),
        (1, "front", 2, 21, "ok"),
        (2, "users->front", 2, 32, "ok"),
        (2, "front", 3, 31, "ok"),
    ]


def test_two_workers_halve_the_queue() -> None:
    slow = {"workers": 2, "service_time": {"mean": "10ms", "cv": 0}}
    ends = [end for _, who, _, end, _ in run(system([], **slow), arrivals=[0, 0, 0, 0]) if who == "front"]
    assert ends == [11, 11, 21, 21]


def test_who_would_wait_too_long_is_refused_at_once() -> None:
    bounded = {"workers": 1, "service_time": {"mean": "10ms", "cv": 0}, "max_wait": "15ms"}
    spans = run(system([], **bounded), arrivals=[0, 1, 2, 20])
    assert [span for span in spans if "->" in span[1]] == [
        (0, "users->front", 0, 12, "ok"),
        (1, "users->front", 1, 22, "ok"),
        (2, "users->front", 2, 4, "refused"),
        (3, "users->front", 20, 32, "ok"),
    ]
    assert [span[0] for span in spans if span[1] == "front"] == [0, 1, 3]


def test_a_timeout_is_tried_again_after_the_backoff_and_the_late_work_is_done_all_the_same() -> None:
    assert run(system(asking(timeout="4ms", retries=1, backoff="10ms"))) == [
        (0, "users->front", 0, 22, "dependency_failed"),
        (0, "front", 1, 21, "dependency_failed"),
        (0, "front->back", 3, 7, "timeout"),
        (0, "back", 4, 7, "ok"),
        (0, "front->back", 17, 21, "timeout"),
        (0, "back", 18, 21, "ok"),
    ]


def test_the_backoff_doubles() -> None:
    spans = run(system(asking(timeout="4ms", retries=3, backoff="10ms")))
    assert [(start, end) for _, who, start, end, _ in spans if who == "front->back"] == [
        (3, 7), (17, 21), (41, 45), (85, 89),
    ]  # fmt: skip


def test_without_backoff_the_next_attempt_starts_at_the_timeout() -> None:
    spans = run(system(asking(timeout="4ms", retries=1)))
    assert [(start, end) for _, who, start, end, _ in spans if who == "front->back"] == [(3, 7), (7, 11)]


def test_an_attempt_that_is_answered_ends_the_trying() -> None:
    steps = asking(timeout="20ms", retries=2)
    lost_once = {0: link("cut", LinkCut(direction="both", fraction=1.0)), 10: link("cut", None)}
    spans = run(system(steps), at=lost_once)
    assert [span[2:] for span in spans if span[1] == "front->back"] == [(3, 23, "timeout"), (23, 28, "ok")]
    assert spans[0] == (0, "users->front", 0, 29, "ok")


def test_late_work_keeps_a_worker_from_others() -> None:
    one = {"back": {"workers": 1, "service_time": {"mean": "30ms", "cv": 0}}}
    spans = run(system(asking(timeout="5ms"), components=one), arrivals=[0, 1])
    assert [(who, start, end, status) for _, who, start, end, status in spans if who == "back"] == [
        ("back", 4, 34, "ok"),
        ("back", 5, 64, "ok"),
    ]


def test_a_failed_call_with_a_fallback_does_not_fail_the_request() -> None:
    steps = [
        {"name": "ask", "call": "back", "timeout": "4ms", "on_failure": "continue", "fallback": "nothing"},
        {"name": "then", "call": "other"},
    ]
    assert run(system(steps)) == [
        (0, "users->front", 0, 13, "ok"),
        (0, "front", 1, 12, "ok"),
        (0, "front->back", 3, 7, "timeout"),
        (0, "back", 4, 7, "ok"),
        (0, "front->other", 7, 12, "ok"),
        (0, "other", 8, 11, "ok"),
    ]


CACHED = [
    {"name": "get", "call": "cache", "operation": "get", "timeout": "50ms", "on_failure": "continue"},
    {
        "name": "load",
        "call": "store",
        "operation": "load",
        "unless": "get",
        "timeout": "50ms",
        "on_failure": "continue",
    },
    {"name": "put", "call": "cache", "operation": "put", "unless": "get", "after": "load", "on_failure": "continue"},
]


@pytest.mark.parametrize(
    ("looked_up", "read", "called"),
    [
        (OK, OK, ["get"]),
        (MISS, OK, ["get", "load", "put"]),
        (ERROR, OK, ["get", "load", "put"]),
        (MISS, ERROR, ["get", "load"]),
    ],
    ids=["a hit is all it takes", "a miss is loaded and put", "so is a failed look-up", "what did not load is not put"],
)
def test_unless_and_after_follow_what_came_before(looked_up: int, read: int, called: list[str]) -> None:
    asked: list[str] = []
    spans = run(system(CACHED), statuses={"get": looked_up, "load": read, "put": OK}, asked=asked)
    assert asked == called
    assert spans[0][4] == "ok"


def test_a_failing_step_of_own_code_fails_the_request_and_a_miss_does_not() -> None:
    steps = [{"name": "check", "run": "check"}, *asking()]
    assert run(system(steps), statuses={"check": MISS}) == WELL
    assert run(system(steps), statuses={"check": ERROR}) == [
        (0, "users->front", 0, 4, "error"),
        (0, "front", 1, 3, "error"),
    ]


def test_own_code_that_may_fail_is_passed_over() -> None:
    steps = [{"name": "check", "run": "check", "on_failure": "continue"}, *asking()]
    assert run(system(steps), statuses={"check": ERROR}) == WELL


def test_a_stopped_component_refuses_at_once() -> None:
    assert run(system(), at={0: stop}) == [
        (0, "users->front", 0, 6, "dependency_failed"),
        (0, "front", 1, 5, "dependency_failed"),
        (0, "front->back", 3, 5, "refused"),
    ]


def test_a_paused_component_holds_what_comes_until_it_is_released() -> None:
    assert run(system(), at={0: pause, 20: resume}) == [
        (0, "users->front", 0, 25, "ok"),
        (0, "front", 1, 24, "ok"),
        (0, "front->back", 3, 24, "ok"),
        (0, "back", 20, 23, "ok"),
    ]


def test_callers_of_a_paused_component_time_out_and_it_works_off_what_it_held() -> None:
    spans = run(system(asking(timeout="10ms")), at={0: pause, 50: resume})
    assert [span[1:] for span in spans if "back" in span[1]] == [
        ("front->back", 3, 13, "timeout"),
        ("back", 50, 53, "ok"),
    ]


@pytest.mark.parametrize("lever", [{"slow": ComponentSlow(factor=4.0)}, {"limit": ComponentLimit(cpu=0.25)}])
def test_a_slowed_component_works_longer(lever: Mapping[str, Any]) -> None:
    def slow(bench: Bench) -> None:
        for name, value in lever.items():
            setattr(bench.state.components["back"], name, value)

    assert run(system(), at={0: slow})[3] == (0, "back", 4, 16, "ok")


def test_fewer_workers_keep_the_work_that_was_accepted() -> None:
    def limit(workers: int | None) -> Act:
        def act(bench: Bench) -> None:
            bench.state.components["front"].limit = ComponentLimit(workers=workers) if workers else None

        return act

    slow = {"workers": 2, "service_time": {"mean": "10ms", "cv": 0}}
    spans = run(system([], **slow), arrivals=[0, 0, 2, 30, 30], at={1.5: limit(1), 25: limit(None)})
    assert [span[3] for span in spans if span[1] == "front"] == [11, 11, 21, 41, 41]


def test_background_errors_come_after_the_work_and_before_further_calls() -> None:
    assert run(system(components={"back": {"background_error_ratio": "100%"}}))[2:] == [
        (0, "front->back", 3, 8, "error"),
        (0, "back", 4, 7, "error"),
    ]
    assert run(system(background_error_ratio="100%")) == [
        (0, "users->front", 0, 4, "error"),
        (0, "front", 1, 3, "error"),
    ]


def test_retries_at_two_levels_give_every_call_its_own_path() -> None:
    deep = System.model_validate(
        {
            "schema_version": 1,
            "name": "deep",
            "components": {
                "users": {"kind": "users", "steps": [{"name": "visit", "call": "a", "retries": 1, "timeout": "60ms"}]},
                "a": {"kind": "service", "steps": [{"name": "ask", "call": "b", "retries": 1, "timeout": "20ms"}]},
                "b": {"kind": "service", "service_time": {"mean": "30ms", "cv": 0}, "workers": 9},
            },
            "links": {"users->a": {"latency": "1ms", "cv": 0}, "a->b": {"latency": "1ms", "cv": 0}},
        }
    )
    calls = [(who, start, end) for _, who, start, end, _ in run(deep) if "->" in who]
    assert calls == [
        ("users->a", 0, 42), ("a->b", 1, 21), ("a->b", 21, 41),
        ("users->a", 42, 84), ("a->b", 43, 63), ("a->b", 63, 83),
    ]  # fmt: skip


def test_who_calls_what_was_killed_sees_a_reset_and_what_it_called_comes_to_nothing() -> None:
    spans = run(system(asking(retries=1)), at={5: kill("back")})
    assert [span[1:] for span in spans if "back" in span[1]] == [
        ("front->back", 3, 6, "reset"),
        ("front->back", 6, 11, "ok"),
        ("back", 7, 10, "ok"),
    ]
    assert run(system(asking(retries=1)), at={5: kill("front")}) == [
        (0, "users->front", 0, 6, "reset"),
        (0, "back", 4, 7, "ok"),
    ]


def test_an_answer_that_had_left_before_the_kill_arrives() -> None:
    assert run(system(), at={7.5: kill("back")}) == WELL
