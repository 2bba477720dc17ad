"""What a world's layout may say: each operation refers to what the layout has."""

from __future__ import annotations

from collections.abc import Iterable

from lab.content.operations import (
    OP_CHANCE,
    OP_GATE,
    OP_MARK,
    OP_SCORE,
    OP_STORE_GET,
    OP_STORE_PUT,
    OP_STORE_REFRESH,
    OP_TABLE_READ,
    OP_TEST,
    OPS_COUNT,
    OWN_MAX,
    SLOTS_MAX,
    Op,
)
from lab.content.protocol import Layout
from lab.errors import Problem, nearest

MARKS_MAX = 16
"""A request carries so many marks: bits 0 to 15."""
CHANCE_MAX = 1 << 32
"""A threshold of all: `lab.draws.threshold` of a share gives it."""


def kept_by_key(layout: Layout) -> list[tuple[str, int, int]]:
    """Stores and tables: name, slot of the key they go by, and how many keys."""
    stores = [(name, store.slot, store.keys_count) for name, store in layout.stores.items()]
    return stores + [(name, table.slot, table.keys_count) for name, table in layout.tables.items()]


def layout_problem(layout: Layout, wanted: Iterable[str] = ()) -> Problem | None:
    """What is wrong with a layout for a system whose call plans name these operations; None for nothing."""
    if not 1 <= layout.slots_count <= SLOTS_MAX:
        return _beyond("`slots_count`", layout.slots_count, 1, SLOTS_MAX)
    if not 0 <= layout.own_count <= OWN_MAX:
        return _beyond("`own_count`", layout.own_count, 0, OWN_MAX)
    for name, slot, keys_count in kept_by_key(layout):
        if not 0 <= slot < layout.slots_count:
            return _beyond(f"the slot of {name!r}", slot, 0, layout.slots_count - 1)
        if keys_count < 1:
            return Problem(f"has no keys in {name!r}", seen=str(keys_count), expected="1 or more")
    for name, operation in layout.operations.items():
        if wrong := _wrong_in(layout, name, operation):
            return wrong
    for name in wanted:
        if name not in layout.operations:
            hint = nearest(name, layout.operations)
            return Problem(f"has no operation {name!r}, which a call plan names", expected="an Op for it", hint=hint)
    return None


def _wrong_in(layout: Layout, name: str, operation: Op) -> Problem | None:
    """What is wrong with one operation."""
    if not all(isinstance(word, int) for word in operation):
        seen = f"{operation} for {name!r}"
        return Problem("has an operation that is not whole numbers", seen=seen, hint="shares: lab.draws.threshold")
    code, target, argument = operation
    if not 0 <= code < OPS_COUNT:
        return _beyond(f"the code of {name!r}", code, 0, OPS_COUNT - 1)
    if code in (OP_SCORE, OP_TEST) and layout.decide is None:
        return Problem(f"has {name!r}, which the world decides", expected="a layout with `decide`")
    stores, tables, gates = len(layout.stores), len(layout.tables), len(layout.gates)
    limits = {
        OP_STORE_GET: ("store", target, 0, stores),
        OP_STORE_PUT: ("store", target, 0, stores),
        OP_STORE_REFRESH: ("store", target, 0, stores),
        OP_TABLE_READ: ("table", target, 0, tables),
        OP_GATE: ("gate", target, 0, gates),
        OP_SCORE: ("gate", target, -1, gates),
        OP_MARK: ("mark", argument, 0, MARKS_MAX),
        OP_CHANCE: ("threshold", argument, 0, CHANCE_MAX + 1),
    }  # fmt: skip
    what, number, least, end = limits.get(code, ("", 0, 0, 1))
    if not least <= number < end:
        return _beyond(f"the {what} of {name!r}", number, least, end - 1)
    if code == OP_STORE_REFRESH and not 0 <= argument < tables:
        return _beyond(f"the table of {name!r}", argument, 0, tables - 1)
    return None


def _beyond(what: str, seen: int, least: int, most: int) -> Problem:
    expected = f"{least} to {most}" if most >= least else "none: the layout has no such thing"
    return Problem(f"has {what} out of range", seen=str(seen), expected=expected)
