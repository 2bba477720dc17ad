"""What operations do to stores, tables and gates, what a request carries, and when it reaches its caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from lab.content import operations as op
from lab.content.operations import Op
from lab.content.protocol import Layout, StoreSpec, TableSpec
from lab.draws import threshold
from lab.injection.levers import LinkCut
from lab.recording.status import ERROR, MISS, NAMES, OK, UNAVAILABLE
from lab.testbeds.sim.plane import layout as at
from tests.planes import MS, Bench
from tests.timelines import system

CONTENT = Layout(
    operations={
        "get": Op(op.OP_STORE_GET, 1),
        "put": Op(op.OP_STORE_PUT, 1),
        "refresh": Op(op.OP_STORE_REFRESH, 1, 1),
        "read": Op(op.OP_TABLE_READ, 1),
        "score": Op(op.OP_GATE, 1),
        "rules": Op(op.OP_MARK, 0, 3),
        "serve": Op(op.OP_SERVE),
        "chance": Op(op.OP_CHANCE, 0, threshold(0.25)),
        "ask": Op(op.OP_ASK),
    },
    stores={"other": StoreSpec(3, 1), "cache": StoreSpec(200, 50 * MS)},
    tables={"others": TableSpec(5), "users": TableSpec(200)},
    gates=("shut", "model"),
)
OFFSET = 3
"""Of the cache's entries, behind those of the other store."""


def call(step: str, operation: str, callee: str, **more: Any) -> Mapping[str, Any]:
    return {"name": step, "call": callee, "operation": operation, "timeout": "20ms", "on_failure": "continue", **more}


def own(step: str, operation: str, **more: Any) -> Mapping[str, Any]:
    return {"name": step, "run": operation, **more}


GET, READ = call("look", "get", "cache"), call("load", "read", "db", unless="look")
PUT = call("keep", "put", "cache", unless="look", after="load")
SERVE = own("assemble", "serve")


class Content(Bench):
    """A plane with content. Request n is of user `users[n]`."""

    def __init__(
        self, steps: Sequence[Mapping[str, Any]], arrivals: Sequence[float] = (0,), *,
        users: Callable[[np.ndarray], np.ndarray] = lambda n: n % 200,
    ) -> None:  # fmt: skip
        self._users = users
        super().__init__(system(steps), arrivals, CONTENT)
        tables = self.plane.tables
        assert tables.store_head[1, at.SH_OFFSET] == OFFSET
        tables.gate[:, at.G_VERSION_A], tables.gate[:, at.G_VERSION_B] = 4, 5
        tables.gate[:, at.G_OPEN] = 0, 1
        tables.table_head[1, at.TH_EPOCH] = 7

    def subjects(self, source: Any, first: int, times_ns: Any) -> Any:
        return self._users(np.arange(first, first + len(times_ns)))[:, None], None

    def rows(self) -> list[dict[str, int]]:
        """What was served, in order."""
        self.plane.drain()
        return [
            {
                "n": int(row[at.V_REQUEST]) & 0xFFFF_FFFF, "at": int(row[at.V_TIME]) // MS, "key": int(row[at.V_KEY]),
                "source": int(row[at.V_FLAGS]) & at.PAY_SOURCE, "epoch": int(row[at.V_EPOCH]),
                "violation": int(row[at.V_FLAGS]) >> at.VIOLATION_SHIFT & at.PAY_CODE,
                "written": int(row[at.V_WRITTEN]) // MS if row[at.V_WRITTEN] >= 0 else -1,
            }
            for block in self.served for row in block
        ]  # fmt: skip

    def ended(self) -> list[tuple[int, int, int]]:
        """Of each request: status, version, marks."""
        self.plane.drain()
        return [
            (int(row[at.D_STATUS]), int(row[at.D_FLAGS]) >> at.VERSION_SHIFT & at.PAY_CODE,
             int(row[at.D_FLAGS]) >> at.MARKS_SHIFT)
            for block in self.done for row in block
        ]  # fmt: skip

    @property
    def entries(self) -> Any:
        return self.plane.tables.store[OFFSET:]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Hits, misses, expired entries."""
        row = self.plane.tables.store_head[1]
        return tuple(int(row[word]) for word in (at.SH_HITS, at.SH_MISSES, at.SH_EXPIRED))  # type: ignore[return-value]


def test_a_miss_is_loaded_put_and_found_until_its_time_to_live_ends():
    # Looked up 4 ms after the arrival; the entry is written at 14 ms and lives until 64 ms, that instant included.
    bench = Content([GET, READ, PUT, SERVE], [0, 30, 60, 61], users=lambda n: 0 * n + 9)
    bench.advance(1000)
    served = bench.rows()
    assert [row["source"] for row in served] == [op.FROM_TABLE, op.FROM_STORE, op.FROM_STORE, op.FROM_TABLE]
    assert {(row["key"], row["epoch"], row["violation"]) for row in served} == {(9, 7, 0)}
    assert [row["written"] for row in served] == [-1, 14, 14, -1]
    assert bench.counts == (2, 2, 1)
    assert bench.entries[9, [at.K_WRITTEN, at.K_ENDS]].tolist() == [75 * MS, 125 * MS]


def test_a_frozen_entry_neither_expires_nor_is_written_anew():
    bench = Content([GET, READ, PUT, SERVE], [0, 400], users=lambda n: 0 * n + 9)
    bench.advance(100)
    bench.entries[:, at.K_FROZEN] = 1
    bench.advance(1000)
    assert bench.rows()[1]["source"] == op.FROM_STORE
    assert bench.entries[9, at.K_WRITTEN] == 14 * MS


def test_another_keys_entry_may_answer_and_says_whose_row_it_is():
    bench = Content([GET, READ, PUT, SERVE], [0, 100], users=lambda n: n + 5)
    bench.plane.tables.store_head[1, at.SH_TTL] = 1000 * MS
    bench.entries[6, at.K_ANSWERS] = 5
    bench.advance(1000)
    assert [(row["source"], row["key"]) for row in bench.rows()] == [(op.FROM_TABLE, 5), (op.FROM_STORE, 5)]


def test_a_refresh_writes_what_lives_and_is_touched_from_the_table():
    bench = Content([own("again", "refresh")], [50])
    entries = bench.entries
    entries[:4, at.K_WRITTEN], entries[:4, at.K_ENDS] = 1 * MS, 90 * MS
    entries[1, at.K_ENDS] = 52 * MS  # over by then
    entries[[0, 1, 2, 9], at.K_TOUCHED] = 1
    entries[2, at.K_FROZEN] = 1
    bench.plane.tables.table[5:][0] = 6  # the row of key 0 breaks the contract now
    bench.advance(1000)
    assert entries[:4, at.K_WRITTEN].tolist() == [53 * MS, 1 * MS, 1 * MS, 1 * MS]
    assert entries[0, [at.K_ENDS, at.K_EPOCH, at.K_VIOLATION, at.K_KEY]].tolist() == [103 * MS, 7, 6, 0]
    assert entries[9, at.K_WRITTEN] == -1
    assert not entries[:, at.K_TOUCHED].any()


def test_a_row_that_breaks_the_contract_fails_where_it_is_assembled_from_wherever_it_came():
    bench = Content([GET, READ, PUT, SERVE], [0, 30], users=lambda n: 0 * n + 9)
    bench.plane.tables.table[5 + 9] = 2
    bench.advance(1000)
    assert [(row["source"], row["violation"], row["at"]) for row in bench.rows()] == [
        (op.FROM_TABLE, 2, 18),
        (op.FROM_STORE, 2, 38),
    ]
    assert [status for status, _, _ in bench.ended()] == [ERROR, ERROR]


def test_who_got_no_row_serves_nothing_of_anyone():
    bench = Content([call("look", "get", "cache"), SERVE])
    bench.advance(1000)
    (row,) = bench.rows()
    assert (row["source"], row["key"], row["epoch"], row["violation"], row["at"]) == (op.FROM_NOWHERE, -1, -1, 0, 8)
    assert bench.ended() == [(OK, 0, 0)]


@pytest.mark.parametrize("direction", ["response", "both"])
def test_what_an_answer_brings_is_lost_with_it(direction):
    bench = Content([call("load", "read", "db", timeout="9ms"), SERVE])
    bench.state.links["front->db"].cut = LinkCut(direction=direction, fraction=1.0)
    bench.sync()
    bench.advance(1000)
    assert bench.rows() == [{"n": 0, "at": 12, "key": -1, "source": 0, "epoch": -1, "violation": 0, "written": -1}]


def test_what_comes_too_late_is_done_and_reaches_nobody():
    bench = Content([call("load", "read", "db", timeout="4ms"), call("keep", "put", "cache"), SERVE])
    bench.advance(1000)
    assert bench.rows()[0]["source"] == op.FROM_NOWHERE
    assert (bench.entries[:, at.K_WRITTEN] == -1).all()  # nor is nothing written


def test_a_put_writes_what_its_caller_held_when_it_sent():
    steps = [call("first", "read", "db"), call("keep", "put", "cache"), SERVE]
    bench = Content(steps)
    bench.advance(8.5)  # the row was read at 4 ms; the put was sent at 8 ms and arrives at 9
    bench.plane.tables.table_head[1, at.TH_EPOCH] = 8
    bench.advance(1000)
    assert bench.entries[0, [at.K_EPOCH, at.K_KEY, at.K_WRITTEN]].tolist() == [7, 0, 9 * MS]


def test_what_a_callee_finds_out_travels_back_to_the_root():
    bench = Content([call("score", "score", "model"), own("rules", "rules")])
    bench.advance(1000)
    assert bench.ended() == [(OK, 4, 1 << 3)]


def test_a_shut_gate_is_unavailable_and_an_open_one_splits_by_its_share():
    bench = Content([call("score", "score", "model")], list(range(4000)))
    bench.plane.tables.gate[1, at.G_SHARE_B] = threshold(0.3)
    bench.advance(3999)
    bench.plane.tables.gate[1, at.G_OPEN] = 0
    bench.advance(5000)
    versions = [version for _, version, _ in bench.ended()]
    assert set(versions[:-10]) == {4, 5}
    assert abs(versions.count(5) / 4000 - 0.3) < 4 * (0.3 * 0.7 / 4000) ** 0.5
    last = [side for side in bench.spans() if side[1] == "model"][-1]
    assert last[4] == NAMES[UNAVAILABLE]


def test_chance_misses_its_share_and_every_call_draws_for_itself():
    steps = [call("one", "chance", "db"), call("two", "chance", "db")]
    bench = Content(steps, list(range(3000)))
    bench.advance(5000)
    missed = np.array([side[4] == "miss" for side in bench.spans() if side[1] == "db"]).reshape(-1, 2)
    assert abs(missed.mean() - 0.25) < 4 * (0.25 * 0.75 / 6000) ** 0.5
    assert abs(np.corrcoef(missed.T)[0, 1]) < 4 / 3000**0.5


@pytest.mark.parametrize("status", [OK, MISS, ERROR])
def test_the_world_is_asked_once_at_the_instant_and_says_how_it_ended(status):
    steps = [call("feed", "ask", "db"), own("mine", "ask", on_failure="continue"), SERVE]
    bench = Content(steps, [0, 0])
    bench.operate = lambda name, now, request: (bench.asked.append((name, now / MS, request)), status)[1]  # type: ignore[method-assign]
    bench.advance(1000)
    assert bench.asked == [("ask", 4.0, 0), ("ask", 4.0, 1), ("ask", 8.0, 0), ("ask", 8.0, 1)]
    assert {side[4] for side in bench.spans() if side[1] == "db"} == {NAMES[status]}
    assert len(bench.rows()) == 2


def test_where_the_world_is_asked_between_other_events_nothing_else_changes():
    steps = [call("feed", "ask", "db"), SERVE]
    times = np.sort(np.random.default_rng(5).uniform(0, 300, 200)).tolist()
    whole, cut = Content(steps, times), Content(steps, times)
    whole.advance(1000)
    for moment in np.random.default_rng(6).uniform(0, 400, 60):
        cut.plane.drain()
        cut.advance(max(moment, cut.plane.now_ns / MS))
    cut.advance(1000)
    assert cut.spans() == whole.spans()
    assert cut.asked == whole.asked
    assert cut.rows() == whole.rows()
