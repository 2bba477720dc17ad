"""Selects rows of a table by a mask, and removes every trace of the others, including texts in dictionaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def kept_rows(table: pa.Table, kept: npt.NDArray[Any]) -> pa.Table:
    """The rows where the mask is true; dictionaries hold only texts that they use, sorted."""
    rows = table if kept.all() else table.filter(pa.array(kept))
    for i, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            rows = rows.set_column(i, field.name, _fitted(rows[field.name]))
    return rows


def dictionary_of(texts: pa.ChunkedArray) -> pa.Array:
    """Plain texts as a dictionary array, its texts sorted."""
    plain = texts.combine_chunks()
    values = pc.unique(plain.drop_null()).sort()
    return pa.DictionaryArray.from_arrays(pc.index_in(plain, value_set=values), values)


def _fitted(column: pa.ChunkedArray) -> pa.Array:
    """As `dictionary_of`, by way of the codes: there are far fewer texts than rows."""
    array = column.unify_dictionaries().combine_chunks()
    codes = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False), np.int64)
    used = np.unique(codes[codes >= 0])
    texts = array.dictionary.take(pa.array(used))
    values = pc.unique(texts).sort()
    renumbered = np.asarray(pc.index_in(texts, value_set=values).to_numpy(zero_copy_only=False), np.int32)
    fresh = renumbered[np.searchsorted(used, codes.clip(0))] if len(used) else np.zeros(len(codes), np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(fresh, pa.int32(), mask=codes < 0), values)
