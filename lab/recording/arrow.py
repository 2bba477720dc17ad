"""Arrow arrays from numpy's and back, by their buffers: the lab's way to make and read columns.

pyarrow's own conversions (`pa.array`, `pa.scalar`, `to_numpy`, `pq.read_table`) import pandas, where it is installed,
to ask whether what they got is a data frame. That takes longer than everything else that is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Array = npt.NDArray[Any]

_TYPES = {
    "float64": pa.float64(), "float32": pa.float32(), "int64": pa.int64(), "int32": pa.int32(), "int16": pa.int16(),
    "int8": pa.int8(), "uint64": pa.uint64(), "uint32": pa.uint32(), "uint16": pa.uint16(), "uint8": pa.uint8(),
}  # fmt: skip
_LONGEST = 2**31 - 1


class Coded(NamedTuple):
    """A column of few texts: `texts`, and for each row its index there, -1 for null."""

    codes: npt.NDArray[np.int64]
    texts: list[str]

    def code(self, text: str) -> int:
        """The code of a text, -2 (which no row has) where no row has it."""
        return self.texts.index(text) if text in self.texts else -2

    def is_any(self, texts: Sequence[str]) -> Array:
        """Mask of the rows that hold one of these texts."""
        chosen = np.zeros(len(self.texts) + 1, bool)
        chosen[[i for i, text in enumerate(self.texts) if text in texts]] = True
        return np.asarray(chosen[self.codes])


def numbers_array(values: Array, null: Array | None = None) -> pa.Array:
    """Numbers as an Arrow array of the same type, without a copy; null where the mask says so."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_TYPES[values.dtype.name], len(values), [_bits(null), pa.py_buffer(values)])


def known_array(values: Array) -> pa.Array:
    """Floats as an Arrow array in which NaN is null."""
    missing = np.isnan(values)
    return numbers_array(values, missing if missing.any() else None)


def mask_array(values: Array) -> pa.Array:
    """Booleans as an Arrow array, as `filter` and `if_else` want them."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(_packed(values))])


def texts_array(values: Sequence[str | None]) -> pa.Array:
    """Texts as an Arrow array; None and NaN are null."""
    encoded = [value.encode() if isinstance(value, str) else b"" for value in values]
    null = np.fromiter((not isinstance(value, str) for value in values), bool, len(values))
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return packed_texts(lengths, b"".join(encoded), null if null.any() else None)


def packed_texts(lengths: Array, octets: bytes | Array, null: Array | None = None) -> pa.Array:
    """Texts as an Arrow array from their UTF-8, one after the other; a null takes none of it."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if offsets[-1] > _LONGEST:
        raise OverflowError(f"{offsets[-1]} bytes of text in one column, at most {_LONGEST}")
    content = [_bits(null), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.string(), len(lengths), content)


def coded_array(codes: Array, texts: Sequence[str]) -> pa.Array:
    """A dictionary array of codes into texts; -1 is null."""
    missing = codes < 0
    indices = numbers_array(codes.astype(np.int32), missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, texts_array(texts))


def values_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Python values as an Arrow array of texts, truth values or numbers; None is null."""
    if pa.types.is_string(kind):
        return texts_array(values)
    null = np.fromiter((value is None for value in values), bool, len(values))
    known = [0 if value is None else value for value in values]
    if pa.types.is_boolean(kind):
        return pa.Array.from_buffers(kind, len(known), [_bits(null), pa.py_buffer(_packed(np.array(known, bool)))])
    return numbers_array(np.array(known, _numpy_type(kind)), null if null.any() else None)


def fitted_array(codes: Array, texts: Sequence[str]) -> pa.Array:
    """A dictionary array whose texts are those that codes name, sorted; -1 is null."""
    used = np.unique(codes[codes >= 0])
    names = [texts[code] for code in used.tolist()]
    place = np.full(len(texts) + 1, -1)
    place[used[np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)]] = np.arange(len(names))
    return coded_array(place[codes], sorted(names))


def encoded_array(values: Iterable[str | None]) -> pa.Array:
    """Texts as a dictionary array, its texts sorted; None and NaN are null."""
    named = [value if isinstance(value, str) else None for value in values]
    known = sorted({value for value in named if value is not None})
    place = {text: i for i, text in enumerate(known)}
    places = [-1 if value is None else place[value] for value in named]
    return coded_array(np.array(places, np.int64), known)


def numbers(column: pa.ChunkedArray | pa.Array) -> Array:
    """A column of numbers; where any is null they are floats, and NaN stands for null."""
    parts = [_chunk_numbers(chunk) for chunk in _chunks(column)]
    if not parts:
        return np.zeros(0, _numpy_type(column.type))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def texts_of(table: pa.Table, name: str) -> Coded:
    """A column of texts; null throughout where it was not recorded."""
    return coded(table[name]) if name in table.column_names else Coded(np.full(len(table), -1), [])


def numbers_of(table: pa.Table, name: str) -> Array:
    """A column of numbers; NaN throughout where it was not recorded."""
    return numbers(table[name]) if name in table.column_names else np.full(len(table), np.nan)


def is_null(column: pa.ChunkedArray | pa.Array) -> Array:
    """Mask of the rows without a value."""
    parts = [_nulls(chunk) for chunk in _chunks(column)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def coded(column: pa.ChunkedArray | pa.Array) -> Coded:
    """A column of texts, whether it lies there as a dictionary or plain."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries()
    chunks = _chunks(column)
    if not chunks:
        return Coded(np.zeros(0, np.int64), [])
    parts = [codes(chunk) for chunk in chunks]
    return Coded(parts[0] if len(parts) == 1 else np.concatenate(parts), chunks[0].dictionary.to_pylist())


def codes(array: pa.DictionaryArray) -> npt.NDArray[np.int64]:
    """The codes of one dictionary array, -1 for null."""
    found = _values(array.indices).astype(np.int64)
    found[_nulls(array.indices)] = -1
    return found


def texts(column: pa.ChunkedArray | pa.Array) -> Array:
    """A column of texts as an object array, None for null."""
    places, known = coded(column)
    return np.array([*known, None], object)[places]


def identities(*columns: pa.ChunkedArray) -> list[npt.NDArray[np.uint64]]:
    """Columns of texts as numbers: two are equal where the texts are, in whichever column; 0 for null."""
    words = [_hex_words(column) for column in columns]
    known = [found for found in words if found is not None]
    if len(known) == len(columns):
        return known
    every = pa.chunked_array([chunk for column in columns for chunk in _chunks(column.cast(pa.string()))], pa.string())
    found = (coded(every).codes + 1).astype(np.uint64)
    return np.split(found, np.cumsum([len(column) for column in columns])[:-1])


def _hex_words(column: pa.ChunkedArray) -> npt.NDArray[np.uint64] | None:
    """Texts of 16 hex digits as numbers, 0 for null; None where one is something else, or all zeros."""
    parts = [_chunk_words(chunk) for chunk in _chunks(column)]
    if any(part is None for part in parts):
        return None
    return np.concatenate([part for part in parts if part is not None] or [np.zeros(0, np.uint64)])


def _chunk_words(chunk: pa.Array) -> npt.NDArray[np.uint64] | None:
    if not pa.types.is_string(chunk.type):
        return None
    null, (_, places, content) = _nulls(chunk), chunk.buffers()
    found = np.zeros(len(chunk), np.uint64)
    if null.all():
        return found
    offsets = np.frombuffer(places, np.int32, chunk.offset + len(chunk) + 1)[chunk.offset :]
    if (np.diff(offsets) != np.where(null, 0, 16)).any():
        return None
    pairs = np.frombuffer(content, np.uint16, (offsets[-1] - offsets[0]) // 2, offsets[0])
    octets = _OCTETS[pairs]
    if octets.max() > 255:
        return None
    found[~null] = octets.astype(np.uint8).view(">u8")
    return None if (found[~null] == 0).any() else found


def _octets() -> npt.NDArray[np.uint16]:
    """The octet that two hex digits stand for, by the two as one number in this machine's order; 256 for others."""
    table = np.full(2**16, 256, np.uint16)
    digits = np.frombuffer("".join(f"{octet:02x}" for octet in range(256)).encode(), np.uint16)
    table[digits] = np.arange(256)
    return table


_OCTETS = _octets()


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file as a table; of `columns` those that are there."""
    with pq.ParquetFile(path) as file:
        wanted = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        return file.read(columns=wanted)


def _chunks(column: pa.ChunkedArray | pa.Array) -> list[pa.Array]:
    return list(column.chunks) if isinstance(column, pa.ChunkedArray) else [column]


def _numpy_type(kind: pa.DataType) -> Any:
    return np.float64 if pa.types.is_null(kind) else np.dtype(kind.to_pandas_dtype())


def _chunk_numbers(chunk: pa.Array) -> Array:
    if pa.types.is_null(chunk.type):
        return np.full(len(chunk), np.nan)
    values = _values(chunk)
    if not chunk.null_count:
        return values
    values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
    values[_nulls(chunk)] = np.nan
    return values


def _values(chunk: pa.Array) -> Array:
    kind = _numpy_type(chunk.type)
    buffer = chunk.buffers()[1]
    if buffer is None:
        return np.zeros(len(chunk), kind)
    return np.frombuffer(buffer, kind, chunk.offset + len(chunk))[chunk.offset :]


def _nulls(chunk: pa.Array) -> Array:
    if pa.types.is_null(chunk.type):
        return np.ones(len(chunk), bool)
    buffer = chunk.buffers()[0] if chunk.null_count else None
    if buffer is None:
        return np.zeros(len(chunk), bool)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=chunk.offset + len(chunk), bitorder="little")
    return np.asarray(bits[chunk.offset :] == 0)


def _packed(values: Array) -> Array:
    return np.packbits(np.asarray(values, bool), bitorder="little")


def _bits(null: Array | None) -> pa.Buffer | None:
    return None if null is None else pa.py_buffer(_packed(~np.asarray(null, bool)))
