"""Trace and span ids: hashes of what they name, so that the same request has the same id in every rerun.

The keys that ids are made of are those of all draws. So the hash is one-way, under a secret of the seed: who reads a
recording can foresee no draw from its ids, nor tell whose stream a request is of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.draws import GOLDEN, mixed
from lab.recording.arrow import numbers_array, packed_texts
from lab.recording.sides import SERVER, Sides
from lab.recording.siphash import siphash
from lab.streams import Streams

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]

STREAM_SHIFT = 40
"""Bits of a request's number within its stream; the bits above are the stream's number."""
_SPARSE = 8
"""Numbers for each row from which on requests are sorted: a table over all numbers would be too large."""
_TRACE_HIGH, _TRACE_LOW, _CLIENT, _SERVER = (
    np.uint64(0x8EBC_6AF0_9C88_C6E3), np.uint64(0x5899_65CC_7537_4CC3), np.uint64(0xE703_7ED1_A0B4_28DB),
    np.uint64(0x2F9B_E6CC_5F2E_9B17),
)  # fmt: skip
"""What sets the kinds of ids of one key apart: any four numbers."""


def request_number(stream: int, n: int) -> int:
    """The number, across all streams, of request n of a stream."""
    return (stream << STREAM_SHIFT) + n


class Ids:
    """Ids of one run. `stream_keys`: the key of each stream (`lab.draws.stream_key`), by its number; it may grow.

    `streams`: those of the seed, which give the secret. Request n of stream i has the number `request_number(i, n)`
    across all of them, and the key that its draws have too.
    """

    def __init__(self, stream_keys: Sequence[int], streams: Streams) -> None:
        self._stream_keys, self._secret = stream_keys, streams.key("ids")

    def request_keys(self, requests: Array) -> Words:
        """Keys of requests by their numbers."""
        numbers: Words = (requests & ((1 << STREAM_SHIFT) - 1)).astype(np.uint64)
        streams: Words = np.array(self._stream_keys, np.uint64)[requests >> STREAM_SHIFT]
        return mixed(streams + numbers * np.uint64(GOLDEN))

    def trace_words(self, requests: Array) -> Words:
        """The trace ids of requests: (n, 2) words of 64 bits, the last one is what samplers look at."""
        keys = self.request_keys(requests)
        return np.stack([siphash(keys ^ _TRACE_HIGH, self._secret), siphash(keys ^ _TRACE_LOW, self._secret)], axis=1)

    def span_words(self, sides: Sides) -> Words:
        """The id of each side's span: 64 bits."""
        return siphash(span_keys(sides), self._secret)

    def parent_words(self, sides: Sides) -> Words:
        """The id of the span in which each one happened (see `parent_keys`)."""
        return siphash(parent_keys(sides), self._secret)


def trace_ids(ids: Ids, requests: Array) -> pa.DictionaryArray:
    """The trace ids of requests as a dictionary array, its texts as they come: their order tells nothing else."""
    distinct, codes = ranked(requests)
    firsts = np.empty(len(distinct), np.int64)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]  # of several the last one written stays
    is_first = np.zeros(len(codes), bool)
    is_first[firsts] = True
    places = (np.cumsum(is_first, dtype=np.int32) - 1)[firsts]
    return pa.DictionaryArray.from_arrays(numbers_array(places[codes]), hex_array(ids.trace_words(requests[is_first])))


def ranked(requests: Array) -> tuple[Array, npt.NDArray[np.int32]]:
    """(the distinct requests in order, the place of each request among them): `np.unique`, four times as fast.

    Requests of a stream are numbered one after the other, so a table over all numbers tells which of them there are.
    """
    streams = requests >> STREAM_SHIFT
    known = np.flatnonzero(np.bincount(streams)).tolist() if len(requests) and requests.min() >= 0 else []
    first, size = np.zeros(max(known, default=0) + 1, np.int64), 0
    for stream in known:
        mine = requests if len(known) == 1 else requests[streams == stream]
        lowest = int(mine.min())
        first[stream] = lowest - size
        size += int(mine.max()) - lowest + 1
    if not known or size > _SPARSE * len(requests):
        distinct, codes = np.unique(requests, return_inverse=True)
        return distinct, codes.astype(np.int32)
    places = requests - first[streams]
    rank = np.zeros(size, np.int32)
    rank[places] = 1
    found = np.zeros(size, np.int64)
    found[places] = requests
    distinct = found[rank > 0]
    return distinct, (np.cumsum(rank, dtype=np.int32) - 1)[places]


def span_keys(sides: Sides) -> Words:
    """64 bits that name each side's span: what its id is made of, and not to be shown."""
    return np.asarray(sides["key"] ^ np.where(sides["side"] == SERVER, _SERVER, _CLIENT))


def parent_keys(sides: Sides) -> Words:
    """Those of the span in which each one happened: a call's own client span for its server, else the caller's server.

    What is made at a root has none, which these numbers do not show.
    """
    server = sides["side"] == SERVER
    return np.asarray(np.where(server, sides["key"] ^ _CLIENT, sides["parent"] ^ _SERVER))


_HEX = np.frombuffer("".join(f"{i:02x}" for i in range(256)).encode(), np.uint16)


def hex_array(words: Words, null: Array | None = None) -> pa.Array:
    """(n,) or (n, k) words of 64 bits as an Arrow array of n texts of 16 k hex digits; null where the mask says so."""
    lengths = np.full(len(words), 16 * math.prod(words.shape[1:]))
    if null is not None:
        words, lengths[null] = words[~null], 0
    octets = words.astype(">u8", order="C").view(np.uint8)
    return packed_texts(lengths, _HEX[octets], null)
