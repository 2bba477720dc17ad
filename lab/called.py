"""Functions that a kernel calls although it was compiled without them: a world's, called by the request plane.

A kernel gets two numbers, which say where the function is and where its tables are, and hands them to
`lab.compiled.call_function`. Compiled they are addresses; interpreted, the second is looked up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from lab.compiled import Mode, answers, check_kinds, interpret_instead

Entry: TypeAlias = Callable[[Any, Any], int]
"""Called with a named tuple of its tables and with the row of whole numbers that it is asked."""


class Function(NamedTuple):
    """A function for kernels: `entry(tables, asked)`, which keeps to what kernels may use.

    `kinds`: of each table its numbers and how many a row, as for `lab.compiled.load`. `what` names it to people.
    """

    entry: Entry
    kinds: Mapping[str, str]
    what: str


class Called:
    """A function with the tables that it is called with now. `mode`: that of the kernel that calls it.

    `function` and `tables`: the two numbers. They hold for as long as this object is there.
    """

    def __init__(self, of: Function, mode: Mode, asked: Any, tables: Any = None) -> None:
        self._of, self._mode, self._asked, self._used = of, mode, asked, tables
        self._words = np.zeros(2 * len(of.kinds) + 2, np.int64)
        self._interpreted: _Interpreted | None = None
        if mode == "compiled":
            self.function, self.tables = _addresses[of.entry], int(self._words.ctypes.data)
        else:
            self._interpreted = _Interpreted(of.entry, asked)
            self.function, self.tables = 0, self._interpreted.number
        self._words[:2] = asked.ctypes.data, len(asked)
        if tables is not None:
            self.use(tables)

    def use(self, tables: Any) -> None:
        """Replaces the tables: a named tuple of arrays, which must not move. TypeError where one is of another kind."""
        check_kinds(self._of.kinds, tables)
        self._used = tables  # what is called looks at them from now on
        if self._interpreted is not None:
            self._interpreted.tables = type(tables)._make(memoryview(array) for array in tables)
        for i, array in enumerate(tables, start=1):
            self._words[2 * i : 2 * i + 2] = array.ctypes.data, len(array)

    def branch(self, asked: Any) -> Called:
        """The same function for a kernel with a row of its own, on the same tables until others are given."""
        return Called(self._of, self._mode, asked, self._used)


class _Interpreted:
    """A function that is called as it is, on memoryviews, whose elements are Python's own numbers."""

    _numbers = count(1)

    def __init__(self, entry: Entry, asked: Any) -> None:
        self._entry, self._asked = entry, memoryview(asked)
        self.tables: Any = None
        self.number = next(self._numbers)
        answers[self.number] = self

    def __call__(self) -> int:
        return self._entry(self.tables, self._asked)


_addresses: dict[Entry, int] = {}


def load_function(of: Function) -> None:
    """Compiles a function, or finds it compiled, where kernels are not interpreted."""
    if os.environ.get("LAB_KERNEL") == "interpreted" or of.entry in _addresses:
        return
    from lab.kernels import NotCompiledError, compiled_function, say

    try:
        _addresses[of.entry] = compiled_function(
            of.entry, of.kinds, lambda: say(f"compiling {of.what} (once, about 10 s)")
        )
    except NotCompiledError as error:
        interpret_instead(of.what, str(error))
