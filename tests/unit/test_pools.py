"""Pools on the plane: workers that are held, bounded queues, connections; each timeline computed by hand, in ms.

`users` call `front` (1 ms), which works 2 ms and calls `back` (1 ms), which works 3 ms: see `tests.timelines`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lab.injection.levers import ComponentLimit, LinkCut
from lab.testbeds.sim.plane import layout as at
from tests.planes import Bench, Span
from tests.timelines import Act, asking, link, run, system

THREADS = {"handling": "thread-per-request", "workers": 1}


def of_users(spans: Sequence[Span]) -> list[tuple[int, float, str]]:
    """(request, when it was answered, status) of each request."""
    return [(n, end, status) for n, who, _, end, status in spans if who == "users->front"]


def attempts(spans: Sequence[Span]) -> list[tuple[int, float, float, str]]:
    """(request, start, end, status) of each attempt of front at back."""
    return [(n, start, end, status) for n, who, start, end, status in spans if who == "front->back"]


def test_a_worker_that_is_held_takes_the_next_request_only_after_its_answer():
    assert of_users(run(system(workers=1), arrivals=[0, 1])) == [(0, 9, "ok"), (1, 11, "ok")]
    spans = run(system(**THREADS), arrivals=[0, 1])
    assert spans == [
        (0, "users->front", 0, 9, "ok"),
        (0, "front", 1, 8, "ok"),
        (0, "front->back", 3, 8, "ok"),
        (0, "back", 4, 7, "ok"),
        (1, "users->front", 1, 16, "ok"),
        (1, "front", 2, 15, "ok"),  # waits until 8, when the first one is answered
        (1, "front->back", 10, 15, "ok"),
        (1, "back", 11, 14, "ok"),
    ]


def test_a_caller_that_gave_up_leaves_its_worker_held_to_the_end():
    spans = run(system(**THREADS, timeout="4ms"), arrivals=[0, 1])
    assert of_users(spans) == [(0, 4, "timeout"), (1, 5, "timeout")]
    assert [(start, end) for _, who, start, end, _ in spans if who == "front"] == [(1, 8), (2, 15)]


def test_who_finds_the_queue_full_is_refused_at_once():
    spans = run(system(**THREADS, queue=1), arrivals=[0, 1, 2, 9])
    assert of_users(spans) == [(0, 9, "ok"), (1, 16, "ok"), (2, 4, "refused"), (3, 23, "ok")]
    assert not [span for span in spans if span[:2] == (2, "front")]  # it was not handled


def test_a_queue_of_length_zero_takes_who_finds_a_free_worker():
    spans = run(system(workers=2, queue=0), arrivals=[0, 0.5, 1, 2.5])
    assert of_users(spans) == [(0, 9, "ok"), (1, 9.5, "ok"), (2, 3, "refused"), (3, 11.5, "ok")]


def test_asynchronous_workers_with_a_bounded_queue_are_free_after_their_own_work():
    assert of_users(run(system(workers=1, queue=5), arrivals=[0, 1])) == [(0, 9, "ok"), (1, 11, "ok")]


def test_who_waited_as_long_as_may_be_is_refused_then_and_the_next_has_its_turn():
    spans = run(system(**THREADS, max_wait="5ms"), arrivals=[0, 1, 4])
    # The second one waits from 2 to 7; the third, from 5, begins at 8.
    assert of_users(spans) == [(0, 9, "ok"), (1, 8, "refused"), (2, 16, "ok")]


def test_what_is_refused_is_tried_again_as_its_caller_may():
    of = system(asking(retries=1, backoff="2ms"), components={"back": {"workers": 1, "queue": 0}})
    assert attempts(run(of, arrivals=[0, 1])) == [
        (0, 3, 8, "ok"),
        (1, 4, 6, "refused"),
        (1, 8, 13, "ok"),
    ]


def test_a_component_that_calls_nobody_does_its_operation_when_its_work_is_done():
    asked: list[str] = []
    of = system([{"name": "ask", "call": "back", "operation": "look", "timeout": "1s"}],
                components={"back": {"workers": 1, "queue": 9}})  # fmt: skip
    spans = run(of, arrivals=[0, 1], statuses={"look": 1}, asked=asked)
    assert attempts(spans) == [(0, 3, 8, "miss"), (1, 4, 11, "miss")]
    assert asked == ["look", "look"]


def sized(workers: int | None) -> Act:
    def act(bench: Bench) -> None:
        limit = None if workers is None else ComponentLimit(workers=workers)
        bench.state.components["front"].limit = limit

    return act


def test_more_workers_begin_at_once_and_fewer_when_the_ones_in_use_are_free():
    more = run(system(**{**THREADS, "workers": 2}), arrivals=[0, 0, 0, 0], at={0.5: sized(1), 5: sized(None)})
    # One works from 1; from 5 on a second; the third begins at 8, the fourth at 12.
    assert [end for _, end, _ in of_users(more)] == [9, 13, 16, 20]
    fewer = run(system(**{**THREADS, "workers": 2}), arrivals=[0, 0, 0, 0], at={2: sized(1)})
    assert [end for _, end, _ in of_users(fewer)] == [9, 9, 16, 23]


def held(is_held: bool) -> Act:
    def act(bench: Bench) -> None:
        front = bench.state.components["front"]
        (front.holds.add if is_held else front.holds.discard)("test")
        if not is_held:
            bench.release("front")

    return act


def test_a_paused_process_refuses_nobody_and_goes_on_in_order():
    of = system(**THREADS, queue=1, max_wait="18ms")
    spans = run(of, arrivals=[0, 1, 2, 3], at={2.5: held(True), 9: held(False)})
    # The second waits from 2, the others came while it was paused. At 9 the second begins; 18 ms after it came, at 22,
    # the fourth is refused, before the third is answered.
    assert of_users(spans) == [(0, 9, "ok"), (1, 17, "ok"), (2, 24, "ok"), (3, 23, "refused")]


def restart(component: str) -> Act:
    return lambda bench: bench.restart(component)


def test_a_process_that_starts_again_has_all_its_workers_and_nobody_waiting():
    of = system(**THREADS)
    spans = run(of, arrivals=[0, 1, 9], at={5: restart("front")})
    assert of_users(spans) == [(0, 6, "reset"), (1, 6, "reset"), (2, 18, "ok")]


# Connections.

POOLS = [
    pytest.param(lambda pool: system(asking(pool=pool)), id="of a step"),
    pytest.param(lambda pool: system(asking(), links={"front->back": {"pool": pool}}), id="of a link"),
]
each_pool = pytest.mark.parametrize("pooled", POOLS)


@each_pool
def test_an_attempt_waits_for_a_connection_in_order_of_arrival(pooled):
    spans = run(pooled({"size": 1}), arrivals=[0, 0.5, 1])
    assert attempts(spans) == [(0, 3, 8, "ok"), (1, 8, 13, "ok"), (2, 13, 18, "ok")]
    assert of_users(spans) == [(0, 9, "ok"), (1, 14, "ok"), (2, 19, "ok")]


@each_pool
def test_who_gets_none_in_time_or_finds_too_many_waiting_fails_as_exhausted(pooled):
    spans = run(pooled({"size": 1, "max_wait": "3ms", "queue": 1}), arrivals=[0, 0.5, 1, 7])
    assert attempts(spans) == [
        (0, 3, 8, "ok"),
        (1, 3.5, 6.5, "exhausted"),  # it waited from 3.5 on
        (2, 4, 4, "exhausted"),
        (3, 10, 15, "ok"),
    ]
    assert of_users(spans) == [
        (0, 9, "ok"), (1, 7.5, "dependency_failed"), (2, 5, "dependency_failed"), (3, 16, "ok")
    ]  # fmt: skip


def test_an_exhausted_attempt_is_tried_again_or_goes_on_as_any_that_failed():
    pool = {"size": 1, "max_wait": "1ms"}
    spans = run(system(asking(pool=pool, retries=1, backoff="2ms")), arrivals=[0, 0.5])
    assert attempts(spans)[1:] == [(1, 3.5, 4.5, "exhausted"), (1, 6.5, 7.5, "exhausted")]
    spans = run(system(asking(pool=pool, on_failure="continue")), arrivals=[0, 0.5])
    assert of_users(spans)[1] == (1, 5.5, "ok")


def test_a_timeout_counts_from_when_the_attempt_has_its_connection_and_gives_it_back():
    of = system([{"name": "ask", "call": "back", "timeout": "4ms", "pool": {"size": 1}}])
    assert attempts(run(of, arrivals=[0, 0])) == [(0, 3, 7, "timeout"), (1, 7, 11, "timeout")]


def test_calls_over_one_link_share_its_connections_and_a_step_may_have_its_own():
    steps = [
        {"name": "first", "call": "back", "timeout": "1s"},
        {"name": "second", "call": "back", "timeout": "1s"},
    ]
    shared = run(system(steps, links={"front->back": {"pool": {"size": 1}}}), arrivals=[0, 1])
    assert attempts(shared) == [(0, 3, 8, "ok"), (0, 13, 18, "ok"), (1, 8, 13, "ok"), (1, 18, 23, "ok")]
    own = [{**steps[0], "pool": {"size": 1}}, steps[1]]
    apart = run(system(own, links={"front->back": {"pool": {"size": 1}}}), arrivals=[0, 1])
    assert attempts(apart) == [(0, 3, 8, "ok"), (0, 8, 13, "ok"), (1, 8, 13, "ok"), (1, 13, 18, "ok")]


def test_connections_that_hang_on_a_dead_link_starve_the_others():
    of = system([{"name": "ask", "call": "back", "timeout": "10ms", "pool": {"size": 1, "max_wait": "4ms"}}])
    cut = LinkCut(direction="both", fraction=1.0)
    spans = run(of, arrivals=[0, 1, 14], at={2: link("cut", cut), 12: link("cut", None)})
    assert attempts(spans) == [(0, 3, 13, "timeout"), (1, 4, 8, "exhausted"), (2, 17, 22, "ok")]


def test_a_process_that_starts_again_has_all_its_connections():
    of = system([{"name": "ask", "call": "back", "timeout": "1s", "pool": {"size": 1}}])
    spans = run(of, arrivals=[0, 0.5, 8], at={5: restart("front")})
    assert of_users(spans) == [(0, 6, "reset"), (1, 6, "reset"), (2, 17, "ok")]
    spans = run(of, arrivals=[0, 0.5], at={5: restart("back")})
    assert attempts(spans) == [(0, 3, 6, "reset"), (1, 6, 11, "ok")]


def test_held_workers_wait_for_connections_too():
    of = system([{"name": "ask", "call": "back", "timeout": "1s", "pool": {"size": 1}}],
                handling="thread-per-request", workers=2)  # fmt: skip
    spans = run(of, arrivals=[0, 0, 0])
    # Two are worked on from 1 to 3; the second has the connection at 8, the third a worker at 8 and it at 13.
    assert attempts(spans) == [(0, 3, 8, "ok"), (1, 8, 13, "ok"), (2, 13, 18, "ok")]


def test_what_waits_and_what_is_in_use_is_counted():
    bench = Bench(system(**THREADS, queue=1).model_copy(update={"world": None}), [0, 1, 2])
    bench.advance(5)
    (row,) = bench.plane.tables.pool.tolist()
    assert [row[word] for word in (at.R_IN_USE, at.R_LENGTH, at.R_SHED, at.R_EXPIRED, at.R_TAKEN)] == [1, 1, 1, 0, 1]
    bench.advance(100)
    (row,) = bench.plane.tables.pool.tolist()
    assert [row[word] for word in (at.R_IN_USE, at.R_LENGTH, at.R_TAKEN)] == [0, 0, 2]
    assert row[at.R_WAITED] == 6_000_000
    assert bench.plane.tables.head[at.H_LIVE] == 0


def levered(**values: Any) -> Act:
    def act(bench: Bench) -> None:
        for key, value in values.items():
            bench.state.connections[0].set(key, value)

    return act


def test_a_pool_that_grows_serves_who_waits():
    of = system(asking(pool={"size": 1}))
    spans = run(of, arrivals=[0, 0, 0], at={5: levered(size=3)})
    assert attempts(spans) == [(0, 3, 8, "ok"), (1, 5, 10, "ok"), (2, 5, 10, "ok")]
    spans = run(of, arrivals=[0, 0, 0], at={5: levered(max_wait_s=0.001)})
    assert attempts(spans) == [(0, 3, 8, "ok"), (1, 3, 5, "exhausted"), (2, 3, 5, "exhausted")]
