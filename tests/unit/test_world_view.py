"""The world's part of the plane's tables: names for words, the same codes on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lab.content import operations as op
from lab.content.operations import Op
from lab.content.protocol import Layout, StoreSpec, TableSpec
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.world_view import (
    PlaneView,
    done_of,
    operation_rows,
    put_layout,
    served_of,
    table_rows,
)

LAYOUT = Layout(
    operations={"get": Op(op.OP_STORE_GET, 1), "read": Op(op.OP_TABLE_READ, 0)},
    stores={"small": StoreSpec(2, 50), "large": StoreSpec(3, 70)},
    tables={"people": TableSpec(3)},
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
    served = served_of(np.array([[1, 10, 4, flags | 1 << at.SERVED_SLOT_SHIFT, 6, -1, 3, 2]]))
    done = done_of(np.array([[1, 2, 30, 0, flags, 4, 6, 5]]), LAYOUT)
    assert [int(column[0]) for column in served] == [1, 10, 4, 2, 5, 6, -1, 3, 2, 0]
    assert [column.tolist() for column in done] == [
        [1], [2], [30], [0], [[4]], [[2]], [2], [1], [[6]], [op.NO_VALUE], [[5]], [[]],
    ]  # fmt: skip


def test_what_is_carried_beside_has_a_column_for_each_slot_and_each_number() -> None:
    layout = LAYOUT._replace(slots_count=3, own_count=2)
    more = np.arange(100, 100 + at.MORE_WORDS)
    second, third = at.M_SLOTS, at.M_SLOTS + at.MS_WORDS
    more[[second + at.MS_FLAGS, third + at.MS_FLAGS]] = op.FROM_STORE, op.FROM_NOWHERE
    done = done_of(np.array([[1, 2, 30, 0, op.FROM_TABLE, 4, 6, 5, *more]]), layout)
    assert done.source.tolist() == [[op.FROM_TABLE, op.FROM_STORE, op.FROM_NOWHERE]]
    assert done.row.tolist() == [[4, 100 + second + at.MS_ROW, 100 + third + at.MS_ROW]]
    assert done.epoch.tolist() == [[6, 100 + second + at.MS_EPOCH, 100 + third + at.MS_EPOCH]]
    assert done.keys.tolist() == [[5, 100 + second + at.MS_KEY, 100 + third + at.MS_KEY]]
    assert (done.value.tolist(), done.own.tolist()) == ([100], [[101, 102]])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"slots_count": 5}, "`slots_count` out of range.*5.*1 to 4"),
        ({"own_count": 8}, "`own_count` out of range.*8.*0 to 7"),
        ({"tables": {"people": TableSpec(3, slot=1)}}, "slot of 'people' out of range.*1.*0 to 0"),
        ({"operations": {"score": Op(op.OP_SCORE, -1)}}, "'score', which the world decides.*a layout with"),
    ],
)
def test_a_layout_that_contradicts_itself_is_refused(changes: dict[str, Any], what: str) -> None:
    layout = LAYOUT._replace(**changes)
    with pytest.raises(ValueError, match=f"(?s){what}"):
        put_layout(at.new_tables(**table_rows(layout)), layout)
