"""Random numbers by what they are for: hashes of keys, never the next of a sequence.

A draw is a function of the keys that name it, so none shifts another, and it is made where it is needed. Each form is
there twice, for one number (in kernels too) and for arrays, and both give the same bits. Numbers are 64 bits unsigned;
tables hold the same bits as signed numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lab.compiled import MASK, high32, kernel, signed, unsigned
from lab.streams import Streams

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

GOLDEN = 0x9E37_79B9_7F4A_7C15
"""2^64 divided by the golden ratio: multiples of it are far apart."""
_PURPOSE = 0xD134_2543_DE82_EF95
_LANE = 0xDABA_0B6E_B093_22E3
_MULTIPLIER_1, _MULTIPLIER_2 = 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB
_UNIT = 2.0**-53


@kernel
def mix(word: int) -> int:
    """splitmix64's finalizer (Steele, Lea, Flood 2014): a bijection of 64-bit numbers that looks random."""
    word = ((word ^ (word >> 30)) * _MULTIPLIER_1) & MASK
    word = ((word ^ (word >> 27)) * _MULTIPLIER_2) & MASK
    return word ^ (word >> 31)


@kernel
def request_key(stream: int, n: int) -> int:
    """The key of request `n` of a stream (its key, unsigned)."""
    return mix((stream + unsigned(n) * GOLDEN) & MASK)


@kernel
def call_key(caller: int, edge: int, attempt: int) -> int:
    """The key of one attempt: of the caller's key and the edge's, both unsigned."""
    return mix((caller + edge + unsigned(attempt) * GOLDEN) & MASK)


@kernel
def word(key: int, purpose: int) -> int:
    """64 random bits for one purpose of what has this key (unsigned)."""
    return mix((key + unsigned(purpose + 1) * _PURPOSE) & MASK)


@kernel
def uniform(stream: int, n: int, purpose: int, lane: int) -> float:
    """A number in [0, 1) with 53 bits for one purpose of request `n` of a stream; lanes are draws side by side."""
    bits = mix((word(request_key(stream, n), purpose) + unsigned(lane) * _LANE) & MASK)
    return signed(bits >> 11) * _UNIT


def mixed(words: Words) -> Words:
    """`mix` of each."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MULTIPLIER_1)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MULTIPLIER_2)
    return words ^ (words >> np.uint64(31))


def request_keys(stream: int, numbers: Integers) -> Words:
    """`request_key` of each number of a stream's requests."""
    return mixed(np.uint64(stream) + numbers.astype(np.uint64) * np.uint64(GOLDEN))


def words(keys: Words, purpose: int) -> Words:
    """`word` of each key."""
    return mixed(keys + np.uint64(((purpose + 1) * _PURPOSE) & MASK))


def uniforms(stream: int, numbers: Integers, purpose: int, lanes: int) -> Floats:
    """`uniform` of each number in lanes 0, 1, …: an array (numbers, lanes)."""
    first = words(request_keys(stream, numbers), purpose)
    steps = np.arange(lanes, dtype=np.uint64) * np.uint64(_LANE)
    bits = mixed(first[:, None] + steps)
    return (bits >> np.uint64(11)).astype(np.float64) * np.float64(_UNIT)


def exponentials(uniform: Floats, mean: float) -> Floats:
    """Exponentially distributed numbers of uniform ones in [0, 1)."""
    drawn: Floats = -np.log1p(-uniform) * mean
    return drawn


def normals(uniform: Floats) -> Floats:
    """Standard normals of pairs of uniform numbers (…, 2k), as many: Box and Muller (1958)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform[..., 0::2]))
    angle = 2.0 * np.pi * uniform[..., 1::2]
    drawn: Floats = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return drawn


def stream_key(streams: Streams, *name: str | int) -> int:
    """64 bits, unsigned, that name a stream of a seed."""
    return streams.key(*name) & MASK


def threshold(share: float) -> int:
    """The number below which a share of all 32-bit numbers lies: 0 for none, 2^32 for all."""
    return min(max(round(share * 2**32), 0), 1 << 32)


__all__ = [
    "GOLDEN", "call_key", "exponentials", "high32", "mix", "mixed", "normals", "request_key", "request_keys",
    "stream_key", "threshold", "uniform", "uniforms", "word", "words",
]  # fmt: skip
