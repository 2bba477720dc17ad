"""The world's part of the plane's tables: names for words, the same codes on both sides."""

from __future__ import annotations

import numpy as np

from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.world_view import (
    PlaneView,
    done_of,
    operation_rows,
    put_layout,
    served_of,
    table_rows,
)
from lab.worlds import operations as op
from lab.worlds.base import Layout, StoreSpec
from lab.worlds.operations import Op

LAYOUT = Layout(
    operations={"get": Op(op.OP_STORE_GET, 1), "read": Op(op.OP_TABLE_READ, 0)},
    stores={"small": StoreSpec(2, 50), "large": StoreSpec(3, 70)},
    tables={"people": 3},
    gates=("model",),
)


def tables() -> at.Tables:
    made = at.new_tables(**table_rows(LAYOUT), frame=4, pay=4)
    put_layout(made, LAYOUT)
    return made


def test_a_store_at_rest_is_empty_and_every_key_answers_for_itself() -> None:
    view = PlaneView(tables, LAYOUT)
    assert view.store("large").ttl_ns == 70
    assert view.store("large").written_ns.tolist() == [-1, -1, -1]
    assert view.store("large").answers.tolist() == [0, 1, 2]
    assert operation_rows(LAYOUT) == {"get": 0, "read": 1}


def test_what_is_written_is_in_the_tables() -> None:
    made = tables()
    view = PlaneView(lambda: made, LAYOUT)
    view.store("large").written_ns[:] = 5
    view.store("large").expired_count += 2
    view.table("people").epoch = 9
    view.table("people").violation[1] = 4
    gate = view.gate("model")
    gate.is_open, gate.version_a, gate.share_b = False, 3, 0.25
    assert made.store[:, at.K_WRITTEN].tolist() == [-1, -1, 5, 5, 5]
    assert made.store_head[:, at.SH_EXPIRED].tolist() == [0, 2]
    assert (made.table_head[0, at.TH_EPOCH], made.table.tolist()) == (9, [0, 4, 0])
    assert made.gate[0].tolist() == [0, 3, 0, 1 << 30]
    assert gate.share_b == 0.25


def test_only_requests_under_way_carry_epochs() -> None:
    made = tables()
    made.frame[:2, at.F_FLAGS] = at.FLAG_CLIENT, -1
    made.pay[:, at.P_EPOCH] = 7, 8, 9, 9
    assert PlaneView(lambda: made, LAYOUT).carried_epochs().tolist() == [7]


def test_blocks_have_names_for_what_a_request_carries() -> None:
    flags = op.FROM_TABLE | 5 << at.VIOLATION_SHIFT | 2 << at.VERSION_SHIFT | 1 << at.MARKS_SHIFT
    served = served_of(np.array([[1, 10, 4, flags, 6, -1, 3, 2]]))
    done = done_of(np.array([[1, 2, 30, 0, flags, 4, 6, -1]]))
    assert [int(column[0]) for column in served] == [1, 10, 4, 2, 5, 6, -1, 3, 2]
    assert [int(column[0]) for column in done] == [1, 2, 30, 0, 4, 2, 2, 1, 6]
