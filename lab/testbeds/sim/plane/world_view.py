"""The world's part of the plane's tables, by name: what a world reads and writes, and the blocks it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.content.layouts import layout_problem
from lab.content.operations import NO_VALUE
from lab.content.protocol import Done, GateState, Layout, PlaneState, Served, StoreState, TableState
from lab.draws import threshold
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.layout import Array, Tables


def table_rows(layout: Layout) -> dict[str, int]:
    """How many rows of which table a world's layout takes."""
    return {
        "operation": len(layout.operations),
        "store": sum(spec.keys_count for spec in layout.stores.values()),
        "store_head": len(layout.stores),
        "table": sum(spec.keys_count for spec in layout.tables.values()),
        "table_head": len(layout.tables),
        "gate": len(layout.gates),
    }


def operation_rows(layout: Layout) -> dict[str, int]:
    """The row of `operation` of each operation."""
    return {name: row for row, name in enumerate(layout.operations)}


def carries_more(layout: Layout) -> bool:
    """Whether requests carry more than the row of one key."""
    return layout.slots_count > 1 or layout.own_count > 0 or layout.decide is not None


def put_layout(tables: Tables, layout: Layout) -> None:
    """Writes operations, and stores, tables and gates at rest: no entry, every key answers for itself, gates open.

    ValueError for a layout that contradicts itself.
    """
    if wrong := layout_problem(layout):
        raise ValueError(f"the layout {wrong}")
    tables.head[[at.H_MORE, at.H_SLOTS]] = carries_more(layout), layout.slots_count
    for row, operation in enumerate(layout.operations.values()):
        tables.operation[row, :3] = operation
    offset = 0
    for row, spec in enumerate(layout.stores.values()):
        tables.store_head[row, [at.SH_OFFSET, at.SH_KEYS, at.SH_TTL]] = offset, spec.keys_count, spec.ttl_ns
        tables.store_head[row, at.SH_SLOT] = spec.slot
        entries = tables.store[offset : offset + spec.keys_count]
        entries[:, at.K_WRITTEN] = -1
        entries[:, at.K_ANSWERS] = entries[:, at.K_KEY] = np.arange(spec.keys_count)
        offset += spec.keys_count
    offset = 0
    for row, table in enumerate(layout.tables.values()):
        tables.table_head[row, [at.TH_OFFSET, at.TH_KEYS, at.TH_SLOT]] = offset, table.keys_count, table.slot
        offset += table.keys_count
    tables.gate[:, at.G_OPEN] = 1


def served_of(rows: Array) -> Served:
    """A block of `served`, taken out of the table."""
    flags = rows[:, at.V_FLAGS]
    return Served(
        request=rows[:, at.V_REQUEST],
        time_ns=rows[:, at.V_TIME],
        row=rows[:, at.V_KEY],
        source=flags & at.PAY_SOURCE,
        violation=(flags >> at.VIOLATION_SHIFT) & at.PAY_CODE,
        epoch=rows[:, at.V_EPOCH],
        written_ns=rows[:, at.V_WRITTEN],
        component=rows[:, at.V_COMPONENT],
        arrived_ns=rows[:, at.V_ARRIVED],
        slot=(flags >> at.SERVED_SLOT_SHIFT) - 1,
    )


def done_of(rows: Array, layout: Layout) -> Done:
    """A block of `done`, taken out of the table, with what was carried beside where requests do."""
    flags = rows[:, at.D_FLAGS]
    others = at.WORDS["done"] + at.M_SLOTS + np.arange(layout.slots_count - 1) * at.MS_WORDS

    def by_slot(first: int, other: int) -> Array:
        found: Array = rows[:, np.concatenate([[first], others + other])]
        return found

    more = rows[:, at.WORDS["done"] :]
    return Done(
        request=rows[:, at.D_REQUEST],
        start_ns=rows[:, at.D_START],
        end_ns=rows[:, at.D_END],
        status=rows[:, at.D_STATUS],
        row=by_slot(at.D_KEY, at.MS_ROW),
        source=by_slot(at.D_FLAGS, at.MS_FLAGS) & at.PAY_SOURCE,
        version=(flags >> at.VERSION_SHIFT) & at.PAY_CODE,
        marks=(flags >> at.MARKS_SHIFT) & at.PAY_CODE,
        epoch=by_slot(at.D_EPOCH, at.MS_EPOCH),
        value=more[:, at.M_VALUE] if carries_more(layout) else np.full(len(rows), NO_VALUE),
        keys=by_slot(at.D_SUBJECT, at.MS_KEY),
        own=more[:, at.M_OWN : at.M_OWN + layout.own_count],
    )


class PlaneView:
    """The tables of a plane as its world sees them; `tables` gives those of the moment, for they may be replaced.

    `decide`: what takes the tables of the world's own kernel, where it has one. `arrive_anew`: draws again who comes.
    """

    def __init__(
        self,
        tables: Callable[[], Tables],
        layout: Layout,
        decide: Callable[[Any], None] | None = None,
        arrive_anew: Callable[[], None] | None = None,
    ) -> None:
        self._tables = tables
        self._decide = decide
        self.decides = False
        self._arrive_anew = arrive_anew
        self._stores = {name: row for row, name in enumerate(layout.stores)}
        self._table_rows = {name: row for row, name in enumerate(layout.tables)}
        self._gates = {name: row for row, name in enumerate(layout.gates)}

    def store(self, name: str) -> StoreState:
        tables = self._tables()
        return _Store(tables, tables.store_head[self._stores[name]])

    def table(self, name: str) -> TableState:
        tables = self._tables()
        return _Table(tables, tables.table_head[self._table_rows[name]])

    def gate(self, name: str) -> GateState:
        return _Gate(self._tables().gate[self._gates[name]])

    def carried_epochs(self, slot: int = 0) -> Array:
        tables = self._tables()
        is_used = tables.frame[:, at.F_FLAGS] >= 0
        word = at.M_SLOTS + (slot - 1) * at.MS_WORDS + at.MS_EPOCH
        of = tables.more[:, word] if slot else tables.pay[:, at.P_EPOCH]
        epochs: Array = of[: len(is_used)][is_used]
        return epochs

    def decide_with(self, tables: Any) -> None:
        if self._decide is None:
            raise ValueError("the world's layout has no `decide`")
        self._decide(tables)
        self.decides = True

    def arrive_anew(self) -> None:
        if self._arrive_anew is None:
            raise ValueError("no requests come here")
        self._arrive_anew()


class _Word:
    """A word of a row as an attribute of the object whose `row` it is."""

    def __init__(self, word: int) -> None:
        self._word = word

    def __get__(self, owner: _Row, _: type) -> int:
        return int(owner.words[self._word])

    def __set__(self, owner: _Row, value: int) -> None:
        owner.words[self._word] = value


class _Row:
    def __init__(self, words: Array) -> None:
        self.words = words


class _Store(_Row):
    ttl_ns = _Word(at.SH_TTL)
    hits_count, misses_count, expired_count = _Word(at.SH_HITS), _Word(at.SH_MISSES), _Word(at.SH_EXPIRED)
    expired_until_ns = _Word(at.SH_EXPIRED_UNTIL)

    def __init__(self, tables: Tables, words: Array) -> None:
        super().__init__(words)
        entries = tables.store[words[at.SH_OFFSET] : words[at.SH_OFFSET] + words[at.SH_KEYS]]
        self.written_ns, self.ends_ns = entries[:, at.K_WRITTEN], entries[:, at.K_ENDS]
        self.epoch, self.violation = entries[:, at.K_EPOCH], entries[:, at.K_VIOLATION]
        self.frozen, self.answers = entries[:, at.K_FROZEN], entries[:, at.K_ANSWERS]
        self.touched, self.row = entries[:, at.K_TOUCHED], entries[:, at.K_KEY]


class _Table(_Row):
    epoch, watermark_ns = _Word(at.TH_EPOCH), _Word(at.TH_WATERMARK)

    def __init__(self, tables: Tables, words: Array) -> None:
        super().__init__(words)
        self.violation = tables.table[words[at.TH_OFFSET] : words[at.TH_OFFSET] + words[at.TH_KEYS]]


class _Gate(_Row):
    version_a, version_b = _Word(at.G_VERSION_A), _Word(at.G_VERSION_B)

    @property
    def is_open(self) -> bool:
        return bool(self.words[at.G_OPEN])

    @is_open.setter
    def is_open(self, value: bool) -> None:
        self.words[at.G_OPEN] = value

    @property
    def share_b(self) -> float:
        return float(self.words[at.G_SHARE_B]) / 2**32

    @share_b.setter
    def share_b(self, value: float) -> None:
        self.words[at.G_SHARE_B] = threshold(value)


if TYPE_CHECKING:
    _KEEPS_TO: type[PlaneState] = PlaneView
