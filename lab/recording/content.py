"""Rows of a table of the content (features, predictions) while a run is recorded: numbers, sampled as they come."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.errors import Problem, UserError
from lab.recording.arrow import Coded, coded, fitted_array
from lab.recording.ids import Ids, trace_ids
from lab.recording.observed import arrow_table
from lab.recording.sampling import is_chosen, weights
from lab.recording.schema import Schema
from lab.recording.spool import Spool
from lab.recording.writing import GROUP_ROWS

Array = npt.NDArray[Any]
Columns = Mapping[str, Any]
"""Columns by name: numbers as arrays, texts as dictionary arrays or plain; `request` numbers stand for trace ids"""

Piece: TypeAlias = tuple[Array, int, int]
"""(a part, its first row that is meant, the row after its last one)"""


class ContentRows:
    """The rows of one table, once some were added. `share`: of the requests whose rows are kept, by their trace ids.

    Parts are kept as bytes, column after column: so a column of all parts is put together without a look at others.
    """

    def __init__(self, table: str, ids: Ids, share: float, schema: Schema) -> None:
        self._name, self._ids, self._share, self._schema = table, ids, share, schema
        self._texts: dict[str, dict[str, int]] = {}  # of each column of texts: their numbers, as they came
        self._kinds: dict[str, np.dtype[Any]] = {}  # of each column, wide ones first
        self._order: list[str] = []  # of the columns, as they were given
        self._parts = Spool()

    def branch(self, ids: Ids) -> ContentRows:
        """Rows that go on from here by themselves."""
        other = copy.copy(self)
        other._ids = ids
        other._texts = {name: texts.copy() for name, texts in self._texts.items()}
        other._parts = self._parts.branch()
        return other

    def add(self, columns: Columns) -> None:
        """Adds rows, those that are sampled. KeyError or TypeError where their columns are not those of the first."""
        found = {name: self._numbers(name, values) for name, values in columns.items()}
        if self._share < 1:
            kept = is_chosen(self._ids, found["request"], self._share)
            found = {name: values[kept] for name, values in found.items()}
        kinds = {name: values.dtype for name, values in found.items()}
        if not self._order:
            self._order = [*found]
            self._refuse_incomplete()
            self._kinds = dict(sorted(kinds.items(), key=lambda item: -item[1].itemsize))
        if kinds != self._kinds:
            raise TypeError(f"rows of {self._name!r} came with the columns {kinds}, the first ones with {self._kinds}")
        octets = [np.ascontiguousarray(found[name]).view(np.uint8) for name in self._kinds]
        self._parts.append(np.concatenate(octets))

    def _refuse_incomplete(self) -> None:
        needed = {column.name for column in self._schema.columns(self._name) if not column.null}
        given = {*self._order, "trace_id", "sample_weight"}
        missing = sorted(name for name in needed - given if not name.endswith(".*"))
        if missing:
            what = f"the world gives rows of the table {self._name!r} without columns that it registers"
            hint = "give them, or register them with null=True"
            raise UserError(Problem(what, seen="without " + ", ".join(missing), expected="every column", hint=hint))

    def groups(self) -> Iterator[pa.Table]:
        """All rows by row groups of GROUP_ROWS, whatever the parts were; with trace ids, and weights where not all are
        kept."""
        width = sum(kind.itemsize for kind in self._kinds.values())
        waiting: list[Piece] = []
        wanted, count = GROUP_ROWS, 0
        for part in self._parts:
            begin, rows = 0, len(part) // width
            while rows - begin >= wanted:
                yield self._table([*waiting, (part, begin, begin + wanted)])
                begin, waiting, wanted, count = begin + wanted, [], GROUP_ROWS, count + 1
            waiting.append((part, begin, rows))
            wanted -= rows - begin
        if wanted < GROUP_ROWS or not count:
            yield self._table(waiting)

    def _table(self, pieces: Sequence[Piece]) -> pa.Table:
        columns = self._columns(pieces)
        traces = trace_ids(self._ids, columns.pop("request"))
        known = {name: self._coded(name, values) if name in self._texts else values for name, values in columns.items()}
        if self._share < 1:
            known["sample_weight"] = weights(np.ones(len(traces)), self._share)
        return arrow_table(self._name, {"trace_id": traces, **known}, self._schema)

    def _columns(self, pieces: Sequence[Piece]) -> dict[str, Array]:
        """Rows by column, in the order in which columns were given."""
        width, before, found = sum(kind.itemsize for kind in self._kinds.values()), 0, dict[str, Array]()
        for name, kind in self._kinds.items():
            columns = []
            for part, begin, end in pieces:
                first = len(part) // width * before
                columns.append(part[first + begin * kind.itemsize : first + end * kind.itemsize].view(kind))
            found[name] = np.concatenate(columns)
            before += kind.itemsize
        return {name: found[name] for name in self._order}

    def _numbers(self, name: str, values: Any) -> Array:
        """A column as numbers; texts are numbered."""
        if not isinstance(values, pa.Array | pa.ChunkedArray):
            plain = np.asarray(values)
            if plain.dtype.kind in "iuf":
                return plain
            texts, codes = np.unique(plain.astype(str), return_inverse=True)
            values = Coded(codes, texts.tolist())
        codes, names = values if isinstance(values, Coded) else coded(values)
        known = self._texts.setdefault(name, {})
        places = [known.setdefault(text, len(known)) for text in names]
        return np.array([*places, -1], np.int32)[codes]

    def _coded(self, name: str, codes: Array) -> pa.Array:
        return fitted_array(codes, [*self._texts[name]])
