"""Trace and span ids: hashes of what they name, so that the same request has the same id in every rerun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from lab.recording.arrow import mask_array, numbers_array
from lab.streams import Streams

Array = npt.NDArray[Any]
_HEX = np.frombuffer("".join(f"{i:02x}" for i in range(256)).encode(), np.uint8).reshape(256, 2)


def _mix(values: Array) -> Array:
    """splitmix64's finalizer (Steele, Lea, Flood 2014): a bijection of 64-bit numbers that looks random."""
    z = values.astype(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


STREAM_SHIFT = 40
"""Bits of a request's number within its stream; the bits above are the stream's number."""


def request_number(stream: int, n: int) -> int:
    """The number, across all streams, of request n of a stream."""
    return (stream << STREAM_SHIFT) + n


class Ids:
    """Ids of one run, by stream name and request number (never by the order streams were opened in).

    `names`: the arrival streams. Request n of stream i has the number `request_number(i, n)` across all of them.
    """

    def __init__(self, names: Sequence[str], streams: Streams) -> None:
        keys = [streams.key("trace-ids", name) for name in names]
        mask = (1 << 64) - 1
        self._low = np.array([key & mask for key in keys], np.uint64)
        self._high = np.array([key >> 64 for key in keys], np.uint64)

    def _halves(self, requests: Array) -> tuple[Array, Array]:
        source, number = requests >> STREAM_SHIFT, (requests & ((1 << STREAM_SHIFT) - 1)).astype(np.uint64)
        golden = np.uint64(0x9E3779B97F4A7C15)
        return _mix(self._high[source] + number * golden), _mix(self._low[source] + number * golden)

    def trace_array(self, requests: Array) -> pa.Array:
        """Trace ids of request numbers, as dictionary-encoded hex; null for request -1."""
        unique, codes = np.unique(requests, return_inverse=True)
        known = unique >= 0
        high, low = self._halves(np.where(known, unique, 0))
        text = _hex(np.stack([high, low], axis=1))
        return pa.DictionaryArray.from_arrays(numbers_array(codes.astype(np.int32), ~known[codes]), text)

    def span_key(self, requests: Array, path: Array, edge: Array, side: Any) -> Array:
        """64-bit span ids."""
        _, low = self._halves(requests)
        word = (path.astype(np.uint64) << np.uint64(12)) ^ (
            (edge.astype(np.int64) + 64).astype(np.uint64) << np.uint64(2)
        )
        return _mix(low ^ _mix(word ^ np.asarray(side).astype(np.uint64)))

    def hex_array(self, keys: Array, null: Array | None = None) -> pa.Array:
        """64-bit keys as strings of 16 hex digits."""
        text = _hex(keys[:, None])
        return text if null is None else pa.compute.if_else(mask_array(null), pa.nulls(1, pa.string())[0], text)


def _hex(words: Array) -> pa.Array:
    """(n, k) 64-bit words as n strings of 16 k hex digits."""
    count, width = words.shape
    digits = np.ascontiguousarray(
        _HEX[np.ascontiguousarray(words.astype(">u8")).view(np.uint8).reshape(count, width * 8)]
    )
    offsets = np.arange(count + 1, dtype=np.int32) * (16 * width)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits))
