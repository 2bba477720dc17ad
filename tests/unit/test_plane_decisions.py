"""Requests with several keys, the world's kernel in the loop, and branches on the value that it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from lab.compiled import Kernel
from lab.content.operations import FROM_NOWHERE, FROM_STORE, FROM_TABLE, NO_VALUE
from lab.content.protocol import Done, Served
from lab.injection.levers import ConfigSet, LinkCut, Place
from lab.recording.status import ERROR, NAMES, OK, UNAVAILABLE
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.world_view import done_of, served_of
from tests.deciding import CONTENT, DECIDE, points
from tests.planes import MS, Bench, Given
from tests.timelines import system


def call(step: str, operation: str, callee: str, **more: Any) -> Mapping[str, Any]:
    return {"name": step, "call": callee, "operation": operation, "timeout": "20ms", "on_failure": "continue", **more}


def own(step: str, operation: str, **more: Any) -> Mapping[str, Any]:
    return {"name": step, "run": operation, **more}


ROWS = [call("buyer", "read_buyer", "db"), call("seller", "read_seller", "db")]
SCORE = call("score", "score", "model")


class Deciding(Bench):
    """Request n is of buyer n % 10 and seller n % 4, with the own numbers 5n and n."""

    def __init__(
        self, steps: Sequence[Mapping[str, Any]], arrivals: Sequence[float] = (0,), kernel: Kernel | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(system(steps, **more), arrivals, CONTENT, kernel=kernel)
        self.plane.tables.gate[0, at.G_VERSION_A] = 1
        self.plane.tables.table_head[:, at.TH_EPOCH] = 6, 7
        self.points = points()
        self.plane.decide_with(self.points)

    def subjects(self, source: Any, first: int, times_ns: Any) -> Any:
        n = np.arange(first, first + len(times_ns))
        return np.column_stack([n % 10, n % 4]), np.column_stack([5 * n, n])

    def ended(self) -> Done:
        self.plane.drain()
        rows = done_of(np.concatenate(self.done), CONTENT)
        order = np.argsort(rows.request)
        return Done(*(column[order] for column in rows))

    def rows(self) -> Served:
        self.plane.drain()
        return served_of(np.concatenate(self.served))


def test_each_key_has_a_row_of_its_own():
    bench = Deciding([*ROWS, own("assemble", "serve")], [0, 1, 2, 3, 4, 5, 6])
    bench.advance(1000)
    served, done = bench.rows(), bench.ended()
    assert served.slot.tolist() == [0, 1] * 7
    assert served.row.tolist() == [key for n in range(7) for key in (n % 10, n % 4)]
    assert served.epoch.tolist() == [6, 7] * 7
    assert done.row.tolist() == done.keys.tolist() == [[n % 10, n % 4] for n in range(7)]
    assert done.epoch.tolist() == [[6, 7]] * 7
    assert done.source.tolist() == [[FROM_TABLE, FROM_TABLE]] * 7
    assert done.own.tolist() == [[5 * n, n] for n in range(7)]


def test_each_store_is_looked_up_by_its_own_key():
    steps = [
        call("look_buyer", "get_buyer", "cache"), call("look_seller", "get_seller", "cache"),
        call("seller", "read_seller", "db", unless="look_seller"),
        call("keep", "put_seller", "cache", unless="look_seller"), own("assemble", "serve"),
    ]  # fmt: skip
    bench = Deciding(steps, [0, 30, 60, 90, 120])  # requests 0 and 4 have the same seller, 120 ms apart
    bench.plane.tables.store_head[1, at.SH_TTL] = 1000 * MS
    bench.advance(1000)
    served = bench.rows()
    assert served.source[served.slot == 0].tolist() == [FROM_NOWHERE] * 5
    assert served.source[served.slot == 1].tolist() == [FROM_TABLE] * 4 + [FROM_STORE]
    assert served.row[served.slot == 1].tolist() == [0, 1, 2, 3, 0]
    assert served.written_ns[-1] == 19 * MS
    assert bench.plane.tables.store_head[:2, at.SH_HITS].tolist() == [0, 1]


@pytest.mark.parametrize("slot", [0, 1])
def test_any_row_that_breaks_the_contract_fails_where_it_is_served(slot):
    bench = Deciding([*ROWS, own("assemble", "serve")])
    bench.plane.tables.table[[0, 10][slot]] = 3
    bench.advance(1000)
    assert bench.rows().violation.tolist() == ([3, 0], [0, 3])[slot]
    assert bench.ended().status.tolist() == [ERROR]


def test_the_world_decides_from_keys_numbers_rows_and_version():
    bench = Deciding([*ROWS, SCORE], range(7))
    bench.plane.tables.gate[0, at.G_VERSION_A] = 2
    bench.advance(1000)
    done = bench.ended()
    assert done.value.tolist() == [2 * (5 * n - n + 10 * n + 200 * (n % 4)) for n in range(7)]
    assert done.version.tolist() == [2] * 7


def test_what_was_not_served_is_told():
    bench = Deciding([call("seller", "read_seller", "db", timeout="1ms"), SCORE], [0])
    bench.advance(1000)
    assert bench.ended().value.tolist() == [1000]


def test_without_an_answer_of_the_model_there_is_no_value():
    bench = Deciding([SCORE], [0, 100])
    bench.state.links["front->model"].cut = LinkCut(direction="response", fraction=1.0)
    bench.sync()
    bench.advance(50)
    bench.state.links["front->model"].cut = None
    bench.sync()
    bench.plane.tables.gate[0, at.G_OPEN] = 0
    bench.advance(1000)
    assert bench.ended().value.tolist() == [NO_VALUE, NO_VALUE]
    assert [side[4] for side in bench.spans() if side[1] == "model"] == ["ok", NAMES[UNAVAILABLE]]


def test_a_question_branches_and_leaves_the_value():
    steps = [SCORE, own("listed", "is_blocked"), own("stop", "decline", after="listed"),
             own("go", "approve", unless="listed")]  # fmt: skip
    bench = Deciding(steps, range(5))
    bench.advance(1000)
    done = bench.ended()
    assert done.marks.tolist() == [2, 2, 2, 4, 2]
    assert done.value.tolist() == [1000 + 4 * n for n in range(5)]


def test_a_note_tells_who_had_the_request_and_no_more():
    bench = Deciding([*ROWS, call("hand", "note", "desk")], [3])
    bench.plane.tables.table[0] = 3  # breaks the contract: nothing is served here
    bench.advance(1000)
    (row,) = np.array(bench.rows()).T.tolist()
    desk = list(bench.state.components).index("desk")
    assert row == [0, (3 + 3 + 5 + 5 + 1) * MS, -1, FROM_NOWHERE, 0, -1, -1, desk, 3 * MS, -1]
    assert bench.ended().status.tolist() == [OK]


BANDS = [
    *ROWS, SCORE,
    own("decline", "decline", when={"above": 0.0004}),
    call("review", "note", "desk", when={"above": 0.0002, "at_most": 0.0004}),
    own("approve", "approve", unless="decline"),
]  # fmt: skip


def reviewed(bench: Bench) -> list[int]:
    return [side[0] & 0xFFFF for side in bench.spans() if side[1] == "desk"]


def test_steps_run_where_the_value_is_within_their_limits():
    """Values of requests 0 to 7, in millionths: 0, 214, 428, 642, 56, 270, 484, 698."""
    bench = Deciding(BANDS, range(8))
    bench.advance(1000)
    done = bench.ended()
    assert done.value.tolist() == [0, 214, 428, 642, 56, 270, 484, 698]
    assert done.marks.tolist() == [2, 2, 4, 4, 2, 2, 4, 4]
    assert reviewed(bench) == [1, 5]


def test_a_limit_is_above_on_one_side_and_at_most_on_the_other():
    bench = Deciding([*ROWS, SCORE, own("yes", "approve", when={"above": 0.0, "at_most": 0.000428})], range(4))
    bench.advance(1000)
    assert bench.ended().marks.tolist() == [0, 2, 2, 0]


def test_without_a_value_no_limit_holds():
    steps = [own("low", "approve", when={"at_most": 1000.0}), own("high", "decline", when={"above": -1000.0})]
    bench = Deciding(steps, range(3))
    bench.advance(1000)
    assert bench.ended().marks.tolist() == [0, 0, 0]


def test_limits_are_what_levers_set():
    bench = Deciding(BANDS, [0, 1, 2, 3, 500, 501, 502, 503])
    bench.advance(400)
    for limits in bench.state.limits:
        if limits.step == "review":
            limits.above, limits.at_most = 0.0, 1.0
    bench.sync()
    bench.advance(1000)
    assert reviewed(bench) == [1, 4, 5, 6, 7]


def test_what_a_run_of_a_job_did_has_no_keys_and_no_value():
    bench = Deciding([SCORE], range(3))
    job = bench.sources.open_job("job/nightly", bench.state.entry_edge.caller.index)
    bench.sources.submit(job, 0, 0)
    bench.advance(1000)
    done = bench.ended()
    assert done.value.tolist()[-1] == NO_VALUE
    assert (done.keys[-1].tolist(), done.row[-1].tolist(), done.own[-1].tolist()) == ([-1, -1], [-1, -1], [0, 0])


def busy(kernel: Kernel | None = None) -> Deciding:
    times = np.sort(np.random.default_rng(5).uniform(0, 1000, 1000)).tolist()
    steps = [
        call("look_buyer", "get_buyer", "cache"), call("buyer", "read_buyer", "db", unless="look_buyer"),
        call("keep", "put_buyer", "cache", unless="look_buyer"), *BANDS[1:],
    ]  # fmt: skip
    return Deciding(steps, times, kernel)


def told(bench: Deciding) -> list[Any]:
    return [column.tolist() for column in bench.ended()] + [bench.spans()]


@pytest.fixture(scope="module")
def whole() -> list[Any]:
    bench = busy()
    bench.advance(5000)
    return told(bench)


def test_compiled_and_interpreted_decide_alike(whole):
    kernel = load_plane(DECIDE)
    if kernel.mode == "interpreted":
        pytest.skip("nothing is compiled here")
    bench = busy(kernel)
    bench.advance(5000)
    assert told(bench) == whole


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_branch_decides_with_tables_of_its_own(whole, is_compiled):
    bench = busy(load_plane(DECIDE) if is_compiled else None)
    bench.advance(500)
    bench.plane.drain()
    other = bench.branch()
    bench.plane.decide_with(bench.points._replace(buyer=np.full(10, 10**6)))
    other.advance(5000)
    bench.advance(5000)
    assert told(other) == whole
    assert (bench.ended().value >= 10**6).sum() > 300


def test_two_worlds_in_one_process_keep_their_own_tables():
    kernel = load_plane(DECIDE)
    one, other = Deciding([SCORE], kernel=kernel), Deciding([SCORE], kernel=kernel)
    other.plane.decide_with(other.points._replace(version_f=np.array([1.0, 3.0, 1.0])))
    one.advance(1000)
    other.advance(1000)
    assert (one.ended().value.tolist(), other.ended().value.tolist()) == ([1000], [3000])


def test_tables_of_another_kind_are_refused():
    bench = Deciding([SCORE])
    with pytest.raises(TypeError, match="table buyer: float64"):
        bench.plane.decide_with(bench.points._replace(buyer=np.zeros(10)))


def test_windows_of_arrivals_keep_what_belongs_to_each_request():
    bench = Deciding([SCORE], ())
    times = [round(n * 0.05 * MS) for n in range(4500)]
    bench.sources.open("more", bench.state.entry_edge.caller.index, Given(times, 700))
    bench.advance(2000)
    done = bench.ended()
    n = done.request & 0xFFFF_FFFF
    assert len(n) == 4500
    assert (done.keys == np.column_stack([n % 10, n % 4])).all()
    assert (done.own == np.column_stack([5 * n, n])).all()


def test_limits_are_keys_of_the_configuration():
    of = system(BANDS)
    keys = {str(place) for place in map(Place.parse, ConfigSet.places(of))}
    limits = {key for key in keys if key.endswith((".above", ".at_most"))}
    assert limits == {"front/steps.decline.above", "front/steps.review.above", "front/steps.review.at_most"}


@pytest.mark.parametrize("how", ["interpreted", "compiled"])
def test_a_branch_leads_to_a_message_with_what_the_request_carries_or_to_a_pooled_call(how):
    """Request n has the value 14 n + 200 (n % 4): above 300 are 2, 3, 6 and 7.

    Request n asks the desk at 18 + n ms, which hears of it at 19 + n, works 3 ms on each, and lets one wait.
    """
    steps = [
        *ROWS,
        SCORE,
        {"name": "review", "call": "desk", "operation": "note", "wait": False, "when": {"above": 0.0003}},
        {**call("check", "note", "lists", unless="review", pool={"size": 1, "queue": 0}), "when": {"at_most": 0.0001}},
    ]
    kernel = load_plane(DECIDE) if how == "compiled" else None
    bench = Deciding(steps, range(8), kernel, components={"desk": {"workers": 1, "queue": 1}},
                     workers=8, handling="thread-per-request")  # fmt: skip
    bench.advance(1000)
    noted = bench.rows()
    assert noted.slot.tolist() == [-1] * 4
    names = list(bench.state.components)
    who = [names[row] for row in noted.component]
    found = sorted(zip(noted.request.tolist(), who, noted.time_ns.tolist(), strict=True))
    # At most 100 have 0 and 4: the first has the connection from 18 to 23, so that there is none for the other at 22. A
    # component without a pool notes on arrival.
    assert found == [(0, "lists", 19 * MS), (2, "desk", 24 * MS), (3, "desk", 27 * MS), (6, "desk", 30 * MS)]
    ended = {span[0]: span[3] for span in bench.spans() if span[1] == "users->front"}
    assert [ended[n] for n in range(8)] == [24, 20, 21, 22, 23, 24, 25, 26]
    assert bench.ended().value.tolist() == [14 * n + 200 * (n % 4) for n in range(8)]
    shed = {names[pool[at.R_OWNER]]: pool[at.R_SHED] for pool in bench.plane.tables.pool if pool[at.R_OWNER] >= 0}
    assert shed == {"front": 0, "desk": 1}
    assert bench.plane.tables.head[at.H_LIVE] == 0
