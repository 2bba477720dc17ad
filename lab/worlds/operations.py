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
    OP_SERVE,  # what is carried is served: a row of `Served`; ERROR where its row breaks the contract
    OP_PREDICATE,  # MISS where the request's predicate ARGUMENT + variant is false; TARGET: VARIANT_*
    OP_ASK,  # the world does it: `World.operate`
    OP_CHANCE,  # MISS for a share of all (ARGUMENT, a threshold), drawn by the call's key
) = range(11)  # fmt: skip
VARIANT_NONE, VARIANT_VERSION = range(2)
"""Which of its predicates a request is asked for: the first; the one of the version that answered (from 1)."""
FROM_NOWHERE, FROM_STORE, FROM_TABLE = range(3)
"""Where the row that a request carries came from."""
