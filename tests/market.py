"""A world of the tests' own: two keys a request, own numbers, a score, branches.

Buyers buy of sellers. A job counts points of both anew; a sale's value is what `tests.deciding.decide` makes of them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.clock import NS
from lab.content.operations import NO_VALUE, OP_ASK, Op
from lab.content.protocol import (
    Arrivals,
    Columns,
    Content,
    Counts,
    Done,
    Layout,
    PlaneState,
    Served,
    StoreSpec,
    Stream,
    Times,
    WorldContext,
)
from lab.draws import uniforms
from lab.recording.status import OK
from lab.registration.recorded import Column, Recorded, Table, sample_weight
from lab.registration.settings import Operation, Setting
from lab.registration.world import World
from tests.deciding import CONTENT, points
from tests.without_levers import WithoutLevers

SALES = Table(
    "sales",
    (
        Column("time_s", "float", "when the sale ended"),
        Column("trace_id", "category", "request"),
        Column("buyer", "int", "who buys"),
        Column("seller", "int", "of whom"),
        Column("buyer_epoch", "int", "epoch of the buyer's points, -1 where they were not known"),
        Column("seller_epoch", "int", "epoch of the seller's points, -1 where they were not known"),
        Column("price", "int", "first own number"),
        Column("rebate", "int", "second own number"),
        Column("value", "int", "the score in millionths", null=False),
        Column("marks", "int", "2 accepted, 4 refused"),
        Column("is_reviewed", "int", "1 where the desk had it"),
        sample_weight("usual"),
    ),
)
WORLD = World(
    name="market",
    title="Buyers and sellers with points",
    open="tests.market:Market",
    operations={
        **{name: Operation("cache") for name in ("get_buyer", "put_buyer")},
        **{name: Operation("database") for name in ("read_buyer", "read_seller", "count_points")},
        "score": Operation("model", needed=True),
        "note": Operation("service"),
    },
    own_code=("serve", "is_blocked", "approve", "decline"),
    value=Setting("score of a sale", at_least=0, at_most=1),
    recording=Recorded(tables=(SALES,)),
)


class Market(WithoutLevers):
    """Implements `lab.content.protocol.Content`."""

    layout: Layout = CONTENT._replace(
        operations={**CONTENT.operations, "count_points": Op(OP_ASK)},
        stores={"buyers": StoreSpec(10, 6 * NS), "sellers": StoreSpec(4, 6 * NS, slot=1)},
    )

    def __init__(self, context: WorldContext) -> None:
        self._start_ns = context.start_ns
        self._points = points()
        self._blocks: list[Done] = []
        self._reviewed: list[Times] = []

    def bind(self, state: PlaneState) -> None:
        self._state = state
        state.gate("model").version_a = 1
        state.decide_with(self._points)

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        drawn = uniforms(stream.key, np.arange(first, first + len(times_ns)), 77, 4)
        return Arrivals((drawn[:, :2] * [10, 4]).astype(np.int64), (drawn[:, 2:] * [400, 50]).astype(np.int64))

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        is_sale = (done.status == OK) & (done.keys[:, 0] >= 0) & (done.end_ns >= self._start_ns)
        self._blocks = [*self._blocks, Done(*(column[is_sale] for column in done))]
        self._reviewed = [*self._reviewed, served.request[served.slot < 0]]

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        """Points are counted anew: buyers have more, sellers' epochs are even and odd in turn."""
        for name in ("buyers", "sellers"):
            self._state.table(name).epoch += 1
        self._points = self._points._replace(buyer=self._points.buyer + 7)
        self._state.decide_with(self._points)
        return OK

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        return []

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        return []

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        done = self._sales()
        is_final = done.end_ns < until_ns
        self._blocks = [Done(*(column[~is_final] for column in done))] if len(is_final) else []
        return {"sales": self._columns(done, is_final)} if len(is_final) else {}

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        done = self._sales()
        return {"sales": self._columns(done, done.end_ns <= until_ns)} if len(done.request) else {}

    def reference(self) -> dict[str, Any]:
        return {}

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        other = copy.copy(self)
        other._state = state
        state.decide_with(other._points)
        return other

    def _sales(self) -> Done:
        if not self._blocks:
            return Done(*(np.zeros((0, 2) if i in (4, 5, 8, 10, 11) else 0, np.int64) for i in range(12)))
        return Done(*map(np.concatenate, zip(*self._blocks, strict=True)))

    def _columns(self, done: Done, which: Any) -> Columns:
        places = np.flatnonzero(which)
        order = places[np.lexsort((done.request[places], done.end_ns[places]))]
        sold = Done(*(column[order] for column in done))
        return {
            "request": sold.request,
            "time_s": (sold.end_ns - self._start_ns) / NS,
            "buyer": sold.keys[:, 0],
            "seller": sold.keys[:, 1],
            "buyer_epoch": sold.epoch[:, 0],
            "seller_epoch": sold.epoch[:, 1],
            "price": sold.own[:, 0],
            "rebate": sold.own[:, 1],
            "value": np.where(sold.value == NO_VALUE, -1, sold.value),
            "marks": sold.marks,
            "is_reviewed": np.isin(sold.request, np.concatenate(self._reviewed)).astype(np.int64),
        }


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = Market
