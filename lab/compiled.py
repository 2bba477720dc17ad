"""Kernels: plain functions over tables of numbers that run as they are, or compiled.

A kernel takes a named tuple of arrays of int64 or float64 and computes with whole numbers and floats only. The same
source runs interpreted, on memoryviews, and compiled; both ways give the same bits. What it may use is little: see
`tests/unit/test_kernel_rules.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary

from lab.errors import UserError

BUILDING = os.environ.get("LAB_KERNEL_BUILD") == "1"
"""Whether this process is the one that compiles a kernel; no other imports numba."""
MASK = 0xFFFF_FFFF_FFFF_FFFF
"""All 64 bits: what arithmetic of unsigned numbers is cut to, which costs nothing where it is compiled."""

Mode = Literal["compiled", "interpreted"]
MODES = ("auto", "compiled", "interpreted")
"""Values of LAB_KERNEL."""
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
        compiled: Function = numba.njit(forceinline=True, error_model="numpy", _nrt=False)(function)
        return compiled

    def apart(function: Function) -> Function:
        # Said, for numba would take over from who calls it that it is put into its callers.
        compiled: Function = numba.njit(forceinline=False, error_model="numpy", _nrt=False)(function)
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

    @numba.extending.intrinsic  # type: ignore[untyped-decorator]
    def call_function(typing: Any, function: Any, tables: Any) -> Any:
        from llvmlite import ir

        def generate(context: Any, builder: Any, signature: Any, words: Any) -> Any:
            word = words[0].type
            return builder.call(builder.inttoptr(words[0], ir.FunctionType(word, [word]).as_pointer()), [words[1]])

        return numba.int64(numba.int64, numba.int64), generate

else:

    def kernel(function: Function) -> Function:
        """A function that a kernel consists of: itself, until it is compiled into its callers."""
        return function

    def apart(function: Function) -> Function:
        """The same of a function that stays by itself when it is compiled: what is rare, for the rest to stay small."""
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

    def call_function(function: int, tables: int) -> int:
        """What a function that was loaded by itself answers (`lab.called`), with the tables of this number."""
        answer: int = answers[tables]()
        return answer


answers: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Of interpreted functions what calls them with their tables, by number."""


def load(entry: Entry, kinds: Mapping[str, str], what: str) -> Kernel:
    """The kernel of an entry, ready to be called with its tables (numpy arrays): compiled where that is possible.

    `kinds`: of each table whether it holds whole numbers or floats, and how many a row (none: it has one dimension): i,
    i16, f, f2. `what` names the kernel to people. LAB_KERNEL: `interpreted`, `compiled` (else UserError), or `auto`, as
    where it is not set.
    """
    key = (entry, os.environ.get("LAB_KERNEL", "auto"))
    if key not in _loaded:
        _loaded[key] = _load(entry, kinds, what, key[1])
    return _loaded[key]


_loaded: dict[tuple[Entry, str], Kernel] = {}


def _load(entry: Entry, kinds: Mapping[str, str], what: str, mode: str) -> Kernel:
    if mode not in MODES:
        raise UserError(unknown_mode(mode))
    if mode != "interpreted":
        from lab.kernels import NotCompiledError, compiled, say

        try:
            return Kernel(compiled(entry, kinds, lambda: say(f"compiling {what} (once, about 20 s)")), "compiled")
        except NotCompiledError as error:
            interpret_instead(what, str(error))
    return interpreted(entry)


def interpret_instead(what: str, why: str) -> None:
    """Lets this process and its children interpret kernels from now on, and says why once. UserError where they must
    be compiled."""
    if os.environ.get("LAB_KERNEL") == "compiled":
        raise UserError(f"{what} cannot be compiled: {why}")
    print(f"{what}: interpreted, with the same results; runs take about eight times as long ({why})",
          file=sys.stderr, flush=True)  # fmt: skip
    os.environ["LAB_KERNEL"] = "interpreted"


def check_kinds(kinds: Mapping[str, str], tables: Any) -> None:
    """TypeError where a table's array is not what its kind says."""
    for (name, kind), array in zip(kinds.items(), tables, strict=True):
        numbers, width = "float64" if kind[0] == "f" else "int64", tuple(map(int, kind[1:].split()))
        if array.dtype != numbers or array.shape[1:] != width or not array.flags.c_contiguous:
            raise TypeError(f"table {name}: {array.dtype} with rows {array.shape[1:]}; expected {numbers} with "
                            f"{width}, contiguous")  # fmt: skip


def unknown_mode(mode: str) -> str:
    """What is said of a value that LAB_KERNEL cannot have."""
    return f"LAB_KERNEL: {mode!r}; expected one of {', '.join(MODES)}"


def interpreted(entry: Entry) -> Kernel:
    """An entry called with memoryviews, whose elements are Python's own numbers and which check every index."""
    known: list[Any] = [None, None]

    def call(tables: Any, until: int, /) -> int:
        if known[0] is not tables:
            known[:] = tables, type(tables)._make(memoryview(array) for array in tables)
        return entry(known[1], until)

    return Kernel(call, "interpreted")
