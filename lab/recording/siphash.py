"""SipHash-1-3 of many 64-bit numbers at once: a keyed one-way function (Aumasson and Bernstein 2012).

Who sees its values cannot find the key or a number, short of trying keys of 128 bits. It is what Python hashes texts
with, and for the same reason: so that nobody outside can foresee it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

_START = (0x736F_6D65_7073_6575, 0x646F_7261_6E64_6F6D, 0x6C79_6765_6E65_7261, 0x7465_6462_7974_6573)
_LENGTH = np.uint64(8 << 56)
"""The last block of a message of 8 bytes."""
_BLOCK = 1 << 13
"""Numbers hashed at a time: with what is computed from them they stay in the processor's cache."""


def siphash(words: Words, key: int) -> Words:
    """SipHash-1-3 of each number, as 8 bytes with the lowest first, under a key of 128 bits (its lower half first)."""
    hashed = np.empty_like(words)
    halves = key & (1 << 64) - 1, key >> 64
    for begin in range(0, len(words), _BLOCK):
        block = words[begin : begin + _BLOCK]
        a, b, c, d = (np.full(len(block), start ^ halves[i % 2], np.uint64) for i, start in enumerate(_START))
        spare = np.empty_like(block)
        for part in (block, _LENGTH):
            d ^= part
            _round(a, b, c, d, spare)
            a ^= part
        c ^= np.uint64(0xFF)
        for _ in range(3):
            _round(a, b, c, d, spare)
        hashed[begin : begin + _BLOCK] = a ^ b ^ c ^ d
    return hashed


def _round(a: Words, b: Words, c: Words, d: Words, spare: Words) -> None:
    """SipRound, in place."""
    a += b
    c += d
    _rotate(b, 13, spare)
    _rotate(d, 16, spare)
    b ^= a
    d ^= c
    _rotate(a, 32, spare)
    c += b
    a += d
    _rotate(b, 17, spare)
    _rotate(d, 21, spare)
    b ^= c
    d ^= a
    _rotate(c, 32, spare)


def _rotate(words: Words, bits: int, spare: Words) -> None:
    """Rotates each number to the left, in place."""
    np.right_shift(words, np.uint64(64 - bits), out=spare)
    words <<= np.uint64(bits)
    words |= spare
