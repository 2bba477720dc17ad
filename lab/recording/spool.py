"""Keeps rows of a recording that is being made: in memory while they are few, else in temporary files.

The files have no name, so that nothing is left of a process that is killed. What is in them is read by mapping.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.errors import RunAbortedError
from lab.files.fileio import reason

Rows = npt.NDArray[Any]
LIMIT_BYTES = 64_000_000
"""Memory that the rows of one spool may take."""


class Spool:
    """Arrays of rows of one type, in the order in which they were added.

    A branch shares what there is so far, and goes on by itself.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[Rows] = []
        self._first_held = 0  # parts from this one on are held in memory
        self._held_bytes = 0

    def branch(self) -> Spool:
        other = Spool(self._limit_bytes)
        other._parts = self._parts.copy()
        other._first_held, other._held_bytes = self._first_held, self._held_bytes
        return other

    def __iter__(self) -> Iterator[Rows]:
        return iter(self._parts)

    def append(self, part: Rows) -> None:
        """Adds rows. RunAbortedError where they have to go to the disk and there is no room."""
        self._parts.append(part)
        self._held_bytes += part.nbytes
        if self._held_bytes > self._limit_bytes:
            self._parts[self._first_held :] = _filed(self._parts[self._first_held :])
            self._first_held, self._held_bytes = len(self._parts), 0


def _filed(parts: list[Rows]) -> list[Rows]:
    """The same arrays, now in a file."""
    try:
        with tempfile.TemporaryFile(prefix="chaos-lab-") as file:  # what is mapped stays when it is closed
            for part in parts:
                file.write(np.ascontiguousarray(part).view(np.uint8).data)
            file.flush()
            rows = np.memmap(file, parts[0].dtype, "r")
    except OSError as error:
        what = "a recording that is too large for memory could not be put aside in a temporary file"
        advice = "Free space, or set TMPDIR to where there is"
        raise RunAbortedError(f"{what}: {reason(error)}. {advice}") from error
    return np.split(rows, np.cumsum([len(part) for part in parts])[:-1])
