"""Rows of a recording's tables until they are final."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


Block = TypeVar("Block", bound=tuple[Any, ...])
"""A named tuple of columns (n, …)."""


def joined(blocks: Sequence[Block]) -> Block:
    """Blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    return type(blocks[0])(*map(np.concatenate, zip(*blocks, strict=True)))


def chosen(block: Block, which: Array | slice) -> Block:
    """The rows that a mask, places or a slice select."""
    return type(block)(*(column[which] for column in block))


class WaitingRows(Generic[Block]):
    """Rows since the recording began; each is final when `open_ns` have passed since its time.

    none: a block without rows. order: the columns that rows are in order of, the first of which says when (ns).
    """

    def __init__(
        self, none: Block, start_ns: int, open_ns: int, order: tuple[str, ...] = ("time_ns", "request")
    ) -> None:
        self._blocks = [none]
        self._start_ns = start_ns
        self._open_ns = open_ns
        self._order = order

    def add(self, block: Block) -> None:
        """Adds rows; those from before the recording are left out."""
        self._blocks.append(self._seen(block))

    def final(self, until_ns: int) -> Block:
        """Those that are final by `until_ns`, once, in order."""
        rows = joined(self._blocks)
        is_final = self._times_ns(rows) + self._open_ns <= until_ns
        self._blocks = [self._selected(rows, ~is_final)]
        return self._selected(rows, is_final)

    def pending(self, until_ns: int, *more: Block) -> Block:
        """Those up to `until_ns` that are not final, and of `more` rows those that the recording sees, in order."""
        rows = joined([*self._blocks, *map(self._seen, more)])
        return self._selected(rows, self._times_ns(rows) <= until_ns)

    def copy(self) -> Self:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._blocks = list(self._blocks)
        return copied

    def _times_ns(self, rows: Block) -> Array:
        return np.asarray(getattr(rows, self._order[0]))

    def _seen(self, block: Block) -> Block:
        is_seen = self._times_ns(block) >= self._start_ns
        return block if is_seen.all() else chosen(block, is_seen)

    def _selected(self, rows: Block, which: Array) -> Block:
        """The rows that a mask selects, in order; without copying them where they lie so already, as most do."""
        places = np.flatnonzero(which)
        times_ns = self._times_ns(rows)[places]
        if not (times_ns[1:] > times_ns[:-1]).all():
            columns = [getattr(rows, name)[places] for name in reversed(self._order)]
            return chosen(rows, places[np.lexsort(columns)])
        first = int(places[0]) if len(places) else 0
        is_run = which[first : first + len(places)].all()
        return chosen(rows, slice(first, first + len(places)) if is_run else places)
