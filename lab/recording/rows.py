"""Selects rows of a table by a mask, and removes every trace of the others, including texts in dictionaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.recording.arrow import codes, mask_array, numbers, numbers_array


def kept_rows(table: pa.Table, kept: npt.NDArray[Any]) -> pa.Table:
    """The rows where the mask is true; dictionaries hold only texts that they use, sorted."""
    rows = table if kept.all() else table.filter(mask_array(kept))
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
    places = codes(array)
    used = np.unique(places[places >= 0])
    texts = array.dictionary.take(numbers_array(used))
    values = pc.unique(texts).sort()
    fresh = np.full(len(array.dictionary) + 1, -1, np.int32)
    fresh[used] = numbers(pc.index_in(texts, value_set=values))
    missing = places < 0
    indices = numbers_array(fresh[places], missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, values)
