"""Rows of a table of the content (features, predictions) while a run is recorded: numbers, sampled as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import Coded, coded, fitted_array, numbers_array
from lab.recording.ids import Ids, hex_array
from lab.recording.observed import arrow_table
from lab.recording.sampling import is_chosen, weights
from lab.recording.sides import joined
from lab.recording.spool import Spool

Array = npt.NDArray[Any]
Columns = Mapping[str, Any]
"""Columns by name: numbers as arrays, texts as dictionary arrays or plain; `request` numbers stand for trace ids"""


class ContentRows:
    """The rows of one table, once some were added. `share`: of the requests whose rows are kept, by their trace ids."""

    def __init__(self, table: str, ids: Ids, share: float) -> None:
        self._table, self._ids, self._share = table, ids, share
        self._texts: dict[str, dict[str, int]] = {}  # of each column of texts: their numbers, as they came
        self._parts = Spool()

    def branch(self, ids: Ids) -> ContentRows:
        """Rows that go on from here by themselves."""
        other = ContentRows(self._table, ids, self._share)
        other._texts = {name: texts.copy() for name, texts in self._texts.items()}
        other._parts = self._parts.branch()
        return other

    def add(self, columns: Columns) -> None:
        """Adds rows, those that are sampled."""
        requests = np.asarray(columns["request"])
        kept = is_chosen(self._ids, requests, self._share)
        found = {name: self._numbers(name, values) for name, values in columns.items() if name != "request"}
        row = [("request", np.dtype(np.int64)), *((name, values.dtype) for name, values in found.items())]
        part = np.empty(int(kept.sum()), row)
        part["request"] = requests[kept]
        for name, values in found.items():
            part[name] = values[kept]
        self._parts.append(part)

    def table(self) -> pa.Table:
        """All rows as a table with trace ids, and weights where not all are kept."""
        rows = joined([*self._parts])
        distinct, codes = np.unique(rows["request"], return_inverse=True)
        traces = pa.DictionaryArray.from_arrays(
            numbers_array(codes.astype(np.int32)), hex_array(self._ids.trace_words(distinct))
        )
        names = [name for name in rows.dtype.names or () if name != "request"]
        columns = {name: self._coded(name, rows[name]) if name in self._texts else rows[name] for name in names}
        if self._share < 1:
            columns["sample_weight"] = weights(np.ones(len(rows)), self._share)
        return arrow_table(self._table, {"trace_id": traces, **columns})

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
