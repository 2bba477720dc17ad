"""The feature table over time: rows as written, and by epoch what its readers got.

An epoch lasts until anything about the rows changes. Requests and cache entries name a row by its key and its epoch,
so the rows of an epoch are kept for as long as one of them may still be served.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.kit.contract import ContractViolationError, FeatureSpec, parse_value

if TYPE_CHECKING:
    from lab.content.protocol import TableState
    from lab.injection.levers import TableColumn

Array = npt.NDArray[Any]


class Epochs:
    """Rows of a feature table. `rows` (keys, features) is what was written, NaN for SQL NULL; `changes` by column.

    `seen` (slots, keys, features) is what the feature code reads out of the table, by `slot` of an epoch.
    """

    def __init__(self, rows: Array, specs: Sequence[FeatureSpec], streams: Streams) -> None:
        self.rows = rows
        self._specs = {spec.name: (i, spec.type == "integer") for i, spec in enumerate(specs)}
        self.changes: dict[str, TableColumn] = {}
        self.watermark_ns = 0
        self.current = -1
        self.seen = np.empty((8, *rows.shape))
        self._streams = streams
        self._slots: dict[int, int] = {}
        self._watermarks_ns: dict[int, int] = {}
        self._broken: dict[int, list[_Broken]] = {}

    def change(self, column: str, value: TableColumn | None) -> None:
        """Alters a column for its readers, or puts it back (None), from the next epoch on."""
        if value is None:
            self.changes.pop(column, None)
        else:
            self.changes[column] = value

    def renew(self, table: TableState, named: Array) -> None:
        """Begins an epoch with the rows as they are now, for the readers of `table`.

        Epochs that are not among the `named` (n,) are forgotten.
        """
        first = min(self._slots, default=0)
        is_named = np.zeros(self.current + 2 - first, bool)
        is_named[np.maximum(named - first, -1)] = True  # what is older than all is marked behind them
        for epoch in [epoch for epoch in self._slots if not is_named[epoch - first]]:
            del self._slots[epoch], self._watermarks_ns[epoch], self._broken[epoch]
        self.current += 1
        slot = next(slot for slot in range(len(self._slots) + 1) if slot not in self._slots.values())
        if slot == len(self.seen):
            self.seen = np.concatenate([self.seen, np.empty_like(self.seen)])
        self.seen[slot] = self.rows
        violation = table.violation
        violation[:] = 0
        broken: list[_Broken] = []
        for column, change in self.changes.items():
            if change.change != "add":
                place, is_integer = self._specs[column]
                changed = _Broken(column, place, is_integer, change, self.rows[:, place].copy())
                is_broken = self._alter(self.seen[slot], changed)
                broken.append(changed)
                violation[is_broken] = len(broken)
        self._slots[self.current], self._watermarks_ns[self.current] = slot, self.watermark_ns
        self._broken[self.current] = broken
        self._known = np.array(list(self._slots), np.int64)
        self._slot_of_known = np.array(list(self._slots.values()), np.int64)
        self._watermark_of_known = np.array(list(self._watermarks_ns.values()), np.int64)
        table.epoch, table.watermark_ns = self.current, self.watermark_ns

    def slots(self, epochs: Array) -> Array:
        """The slots of epochs (n,) in `seen`."""
        return np.asarray(self._slot_of_known[self._places(epochs)])

    def watermarks_ns(self, epochs: Array) -> Array:
        """Until when the rows of epochs (n,) knew events."""
        return np.asarray(self._watermark_of_known[self._places(epochs)])

    def violation(self, epoch: int, key: int, code: int) -> tuple[str, str]:
        """(column, message) of what breaks a row: what the service says when it reads it."""
        return self._broken[epoch][code - 1].violation(key)

    def copy(self) -> Epochs:
        """One that goes on for itself."""
        copied = copy.copy(self)
        for name in ("rows", "changes", "seen", "_slots", "_watermarks_ns", "_broken"):
            setattr(copied, name, getattr(self, name).copy())
        return copied

    def _places(self, epochs: Array) -> Array:
        places = np.minimum(np.searchsorted(self._known, epochs), len(self._known) - 1)
        assert (self._known[places] == epochs).all(), "an epoch is kept for as long as anything names it"
        return np.asarray(places)

    def _alter(self, seen: Array, changed: _Broken) -> Array:
        """Puts what is read of a changed column into `seen`; mask of the rows that cannot be read."""
        share = self._streams.generator("altered-rows", changed.column).random(len(seen))
        chosen = np.flatnonzero(share < changed.change.share)
        values, can_be_read = changed.read(chosen)
        seen[chosen, changed.place] = values
        is_broken = np.zeros(len(seen), bool)
        is_broken[chosen[~can_be_read]] = True
        return is_broken


class _Broken:
    """A changed column in one epoch: `place` in a row, `values` (keys,) as they were written."""

    def __init__(self, column: str, place: int, is_integer: bool, change: TableColumn, values: Array) -> None:
        self.column = column
        self.place = place
        self.change = change
        self._values = values
        self._is_integer = is_integer

    def read(self, keys: Array) -> tuple[Array, Array]:
        """What the feature code reads of these rows, NaN for nothing, and whether it can: as `altered_row` yields."""
        values, change = self._values[keys], self.change
        typed = np.rint(values) if self._is_integer else values
        nothing = np.full(len(keys), np.nan)
        if change.change == "rename":
            return nothing, np.zeros(len(keys), bool)
        if change.change == "null":
            return nothing, np.ones(len(keys), bool)
        if change.change == "rescale":
            return typed * change.factor, np.ones(len(keys), bool)
        if change.to == "text":
            # Only the text of a number without a point can still be read.
            points = [not self._is_integer and "." in str(value) for value in values.tolist()]
            can_be_read = ~np.array(points, bool)
            return np.where(can_be_read, typed, np.nan), can_be_read
        return np.trunc(values), np.ones(len(keys), bool)

    def violation(self, key: int) -> tuple[str, str]:
        """(column, message) of the error that reading a key's row raises."""
        row = altered_row(self.column, float(self._values[key]), self._is_integer, self.change)
        try:
            parse_value(row, self.column)
        except ContractViolationError as error:
            return error.column, str(error)
        raise AssertionError(f"the row of key {key} can be read")


def altered_row(column: str, value: float, integer: bool, change: TableColumn) -> dict[str, Any]:
    """The raw row a changed column yields, as the database driver would hand it over."""
    typed: Any = round(value) if integer else value
    if change.change == "rename":
        return {str(change.to): typed}
    if change.change == "null":
        return {column: None}
    if change.change == "rescale":
        return {column: typed * change.factor}
    if change.to == "text":
        return {column: str(typed).replace(".", ",")}
    return {column: int(value)}
