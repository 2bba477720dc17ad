"""A world's decision kernel of the tests' own, small enough to be computed by hand: two keys, two own numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lab.called import Function
from lab.compiled import kernel
from lab.content.operations import (
    ASK_ARGUMENT,
    ASK_OWN,
    ASK_SLOT,
    ASK_VERSION,
    FROM_NOWHERE,
    OP_MARK,
    OP_NOTE,
    OP_SCORE,
    OP_SERVE,
    OP_STORE_GET,
    OP_STORE_PUT,
    OP_TABLE_READ,
    OP_TEST,
    SLOT_EPOCH,
    SLOT_KEY,
    SLOT_ROW,
    SLOT_SOURCE,
    SLOT_WORDS,
    Op,
)
from lab.content.protocol import Layout, StoreSpec, TableSpec
from tests.planes import MS

Array = np.ndarray[Any, Any]
BLOCKED = 1
"""ASK_ARGUMENT of the question whether the buyer is on the list."""


class Points(NamedTuple):
    """By key of the buyer and of the seller: points. `list`: whether a buyer is on it. `version_f`: factors."""

    buyer: Array
    seller: Array
    blocked: Array
    version_f: Array


KINDS = {"buyer": "i", "seller": "i2", "blocked": "i", "version_f": "f"}


@kernel
def seller_points(t: Points, row: int, epoch: int) -> int:
    """The points of a seller in an epoch, which is even or odd; 1000 where there is no row."""
    return t.seller[row, epoch & 1] if row >= 0 else 1000


def decide(t: Points, asked: Array) -> int:
    """Points of the buyer, of the seller, and own numbers, times a factor of the version."""
    buyer, seller = ASK_SLOT, ASK_SLOT + SLOT_WORDS
    if asked[ASK_ARGUMENT] == BLOCKED:
        return t.blocked[asked[buyer + SLOT_KEY]]
    points = (
        asked[ASK_OWN] - asked[ASK_OWN + 1] + seller_points(t, asked[seller + SLOT_ROW], asked[seller + SLOT_EPOCH])
    )
    if asked[buyer + SLOT_SOURCE] != FROM_NOWHERE:
        points += t.buyer[asked[buyer + SLOT_ROW]]
    return int(points * t.version_f[asked[ASK_VERSION]])


DECIDE = Function(decide, KINDS, "the tests' decisions")
CONTENT = Layout(
    operations={
        "get_buyer": Op(OP_STORE_GET, 0),
        "put_buyer": Op(OP_STORE_PUT, 0),
        "read_buyer": Op(OP_TABLE_READ, 0),
        "get_seller": Op(OP_STORE_GET, 1),
        "put_seller": Op(OP_STORE_PUT, 1),
        "read_seller": Op(OP_TABLE_READ, 1),
        "serve": Op(OP_SERVE),
        "score": Op(OP_SCORE, 0),
        "is_blocked": Op(OP_TEST, 0, BLOCKED),
        "note": Op(OP_NOTE),
        "approve": Op(OP_MARK, 0, 1),
        "decline": Op(OP_MARK, 0, 2),
    },
    stores={"buyers": StoreSpec(10, 50 * MS), "sellers": StoreSpec(4, 50 * MS, slot=1)},
    tables={"buyers": TableSpec(10), "sellers": TableSpec(4, slot=1)},
    gates=("model",),
    slots_count=2,
    own_count=2,
    decide=DECIDE,
)


def points() -> Points:
    """Buyer k has 10k points, seller k has 100k in even epochs and 200k in odd ones; buyer 3 is on the list."""
    return Points(
        np.arange(10) * 10, np.arange(4)[:, None] * np.array([100, 200]), (np.arange(10) == 3).astype(np.int64),
        np.array([1.0, 1.0, 2.0]),
    )  # fmt: skip
