"""Kernels: plain functions over tables of numbers that run as they are, or compiled.

A kernel takes a named tuple of arrays of int64 or float64 and computes with whole numbers and floats only. The same
source runs interpreted, on memoryviews, and compiled; both ways give the same bits. What it may use is little: see
`tests/unit/test_kernel_rules.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

BUILDING = os.environ.get("LAB_KERNEL_BUILD") == "1"
"""Whether this process is the one that compiles a kernel; no other imports numba."""
MASK = 0xFFFF_FFFF_FFFF_FFFF
"""All 64 bits: what arithmetic of unsigned numbers is cut to, which costs nothing where it is compiled."""

Mode = Literal["compiled", "interpreted"]
Function = TypeVar("Function", bound=Callable[..., Any])


class Entry(Protocol):
    """A kernel's entry: runs on its tables up to a time (ns) and says why it stopped."""

    def __call__(self, tables: Any, until: int, /) -> int: ...


class Kernel(NamedTuple):
    """A kernel that is ready to be called."""

    call: Entry
    mode: Mode


if BUILDING:
    import numba
    import numpy as np

    def kernel(function: Function) -> Function:
        compiled: Function = numba.njit(forceinline=True, error_model="numpy")(function)
        return compiled

    @kernel
    def signed(word: int) -> int:
        return np.int64(word)  # type: ignore[return-value]

    @kernel
    def unsigned(word: int) -> int:
        return np.uint64(word)  # type: ignore[return-value]

    @kernel
    def high32(word: int) -> int:
        return signed(word >> 32)

    @kernel
    def low32(word: int) -> int:
        return signed(word & 0xFFFF_FFFF)

else:

    def kernel(function: Function) -> Function:
        """A function that a kernel consists of: itself, until it is compiled into its callers."""
        return function

    def signed(word: int) -> int:
        """The signed number with the bits of an unsigned one: what tables hold."""
        return word - (1 << 64) if word >> 63 else word

    def unsigned(word: int) -> int:
        """The unsigned number with the bits of a signed one: what is hashed."""
        return word & MASK

    def high32(word: int) -> int:
        """The upper 32 bits of an unsigned number."""
        return word >> 32

    def low32(word: int) -> int:
        """The lower 32 bits of an unsigned number."""
        return word & 0xFFFF_FFFF


def load(entry: Entry) -> Kernel:
    """The kernel of an entry, ready to be called with its tables (numpy arrays)."""
    return Kernel(_interpreted(entry), "interpreted")


def _interpreted(entry: Entry) -> Entry:
    """Calls an entry with memoryviews, whose elements are Python's own numbers and which check every index."""
    known: list[Any] = [None, None]

    def call(tables: Any, until: int, /) -> int:
        if known[0] is not tables:
            known[:] = tables, type(tables)._make(memoryview(array) for array in tables)
        return entry(known[1], until)

    return call
