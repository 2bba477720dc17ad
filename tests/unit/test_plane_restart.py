"""The end of a process on the plane: what it worked on is lost, its callers are told, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lab.systems.topology import System
from lab.testbeds.sim.plane import layout as at
from tests.planes import Bench
from tests.timelines import asking, run, system


def chain(**policy: str | int) -> System:
    return system(asking(**policy)).model_copy(update={"world": None})


def restart(component: str) -> Callable[[Bench], None]:
    return lambda bench: bench.restart(component)


def test_callers_of_what_was_worked_on_see_a_reset_after_the_passage_of_the_answer() -> None:
    assert run(chain(), at={5: restart("back")}) == [
        (0, "users->front", 0, 7, "dependency_failed"),
        (0, "front", 1, 6, "dependency_failed"),
        (0, "front->back", 3, 6, "reset"),
    ]


def test_an_answer_on_its_way_arrives() -> None:
    assert run(chain(), at={7.5: restart("back")})[0] == (0, "users->front", 0, 9, "ok")


def test_a_request_on_its_way_arrives_at_the_new_process() -> None:
    assert run(chain(), at={3.5: restart("back")})[0] == (0, "users->front", 0, 9, "ok")


def test_what_it_had_called_is_done_for_nobody() -> None:
    spans = run(chain(), at={5: restart("front")})
    assert spans == [(0, "users->front", 0, 6, "reset"), (0, "back", 4, 7, "ok")]


def test_it_does_not_call_again_what_it_was_about_to() -> None:
    spans = run(chain(timeout="2ms", retries=3, backoff="10ms"), at={8: restart("front")})
    assert [span[1:4] for span in spans if span[1] == "front->back"] == [("front->back", 3, 5)]
    assert spans[0][1:] == ("users->front", 0, 9, "reset")


def test_what_it_held_is_answered_too() -> None:
    def pause(bench: Bench) -> None:
        bench.state.components["back"].holds.add("paused")

    spans = run(chain(), at={0: pause, 5: restart("back")})
    assert [span[1:] for span in spans if "back" in span[1]] == [("front->back", 3, 6, "reset")]


def test_a_reset_after_the_deadline_is_a_timeout() -> None:
    spans = run(chain(timeout="2.5ms"), at={5: restart("back")})
    assert [span[1:] for span in spans if span[1] == "front->back"] == [("front->back", 3, 5.5, "timeout")]


@pytest.mark.parametrize("component", ["front", "back"])
def test_no_frame_is_left_and_every_request_ends(component: str) -> None:
    busy = system(
        asking(timeout="8ms", retries=2, backoff="3ms"),
        components={"back": {"workers": 2, "service_time": {"mean": "3ms", "cv": 1.0}}},
    ).model_copy(update={"world": None})
    times = np.sort(np.random.default_rng(5).uniform(0, 300, 200)).tolist()
    bench = Bench(busy, times)
    for time in range(0, 320, 7):
        bench.advance(time)
        bench.restart(component)
    bench.advance(5_000)
    sides = bench.sides()
    assert (sides[sides["edge"] == 0]["side"] == 1).sum() == 200
    head = bench.plane.tables.head
    assert (head[at.H_LIVE], head[at.H_HEAP], head[at.H_ROOTS]) == (0, 0, 200)
    assert (bench.plane.tables.frame[:, at.F_FLAGS] == -1).all()
