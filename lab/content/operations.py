"""What own code can do besides spending time: codes that a world gives to operations and the simulator performs."""

from __future__ import annotations

from typing import NamedTuple


class Op(NamedTuple):
    """What a call's or a step's operation does: a code OP_*, what it works on, and an argument."""

    code: int
    target: int = 0
    argument: int = 0


(
    OP_NONE,
    OP_STORE_GET,  # of the store TARGET: OK and the entry, else MISS
    OP_STORE_PUT,  # what is carried, into the store TARGET
    OP_STORE_REFRESH,  # entries of the store TARGET that live and are touched, from the table ARGUMENT
    OP_TABLE_READ,  # the request's own row of the table TARGET
    OP_GATE,  # UNAVAILABLE where the gate TARGET is shut, else the version that answers
    OP_MARK,  # sets the mark ARGUMENT
    OP_SERVE,  # what is carried is served: a row of `Served` for each slot; ERROR where one of them breaks the contract
    OP_NOTE,  # a row of `Served` without a slot: this component had the request
    OP_SCORE,  # passes the gate TARGET (-1: none), then the world decides the request's value
    OP_TEST,  # MISS where what the world decides is not above 0; the value stays
    OP_ASK,  # the world does it: `World.operate`
    OP_CHANCE,  # MISS for a share of all (ARGUMENT, a threshold), drawn by the call's key
) = range(13)  # fmt: skip
OPS_COUNT = OP_CHANCE + 1
FROM_NOWHERE, FROM_STORE, FROM_TABLE = range(3)
"""Where the row that a request carries came from."""
SLOTS_MAX, OWN_MAX = 4, 7
"""How many own keys a request has at most, each with a row of its own; how many own numbers."""
VALUE_SCALE = 1_000_000
"""A request's value is counted in millionths."""
NO_VALUE = -(1 << 62)
"""The value of a request for which none was decided."""

# What a world's `decide` is asked (OP_SCORE, OP_TEST): words of one row.
(
    ASK_TIME, ASK_REQUEST, ASK_ARRIVED,  # now; the request's number over all streams; when it started
    ASK_ARGUMENT,  # of the operation
    ASK_VERSION, ASK_MARKS, ASK_VALUE,  # carried: 0 where no gate was passed; NO_VALUE where none was decided
    ASK_OWN,  # OWN_MAX words: its own numbers
) = range(8)  # fmt: skip
ASK_SLOT = ASK_OWN + OWN_MAX
"""The first of SLOT_WORDS words for each slot."""
(
    SLOT_KEY,  # the request's own key
    SLOT_SOURCE, SLOT_VIOLATION,  # FROM_*; what of the row breaks the contract (0: nothing)
    SLOT_ROW, SLOT_EPOCH,  # whose row was served, of which epoch (-1: none was)
    SLOT_WRITTEN,  # when its store entry was written (-1: it comes from none)
) = range(6)  # fmt: skip
SLOT_WORDS = 6
ASK_WORDS = ASK_SLOT + SLOTS_MAX * SLOT_WORDS
