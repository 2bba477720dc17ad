"""Keeps parts of a recording that is being made: in memory while they are few, else in temporary files.

The files have no name, so that nothing is left of a process that is killed. What is in them is read by mapping.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.errors import RunAbortedError
from lab.files.fileio import reason

LIMIT_BYTES = 64_000_000
"""Memory that the parts of one spool may take."""
Part = TypeVar("Part")


class Spool(Generic[Part]):
    """Parts in the order in which they were added. A branch shares what it has so far, and goes on by itself."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[Part] = []
        self._first_held = 0  # parts from this one on are held in memory
        self._held_bytes = 0

    def branch(self) -> Self:
        other = type(self)(self._limit_bytes)
        other._parts = self._parts.copy()
        other._first_held, other._held_bytes = self._first_held, self._held_bytes
        return other

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def append(self, part: Part) -> None:
        """Adds a part. RunAbortedError where it has to go to the disk and there is no room."""
        self._parts.append(part)
        self._held_bytes += self._bytes_of(part)
        if self._held_bytes > self._limit_bytes:
            held = self._parts[self._first_held :]
            try:
                with tempfile.TemporaryFile(prefix="chaos-lab-") as file:  # what is mapped stays when it is closed
                    self._parts[self._first_held :] = self._written(held, file)
            except OSError as error:
                what = "a recording that is too large for memory could not be put aside in a temporary file"
                raise RunAbortedError(
                    f"{what}: {reason(error)}. Free space, or set TMPDIR to where there is"
                ) from error
            self._first_held, self._held_bytes = len(self._parts), 0

    def _bytes_of(self, part: Part) -> int:
        raise NotImplementedError

    def _written(self, parts: list[Part], file: IO[bytes]) -> list[Part]:
        """The same parts, now in the file."""
        raise NotImplementedError


class RowSpool(Spool[npt.NDArray[Any]]):
    """Parts are arrays of rows of one type."""

    def _bytes_of(self, part: npt.NDArray[Any]) -> int:
        return part.nbytes

    def _written(self, parts: list[npt.NDArray[Any]], file: IO[bytes]) -> list[npt.NDArray[Any]]:
        for part in parts:
            file.write(np.ascontiguousarray(part).view(np.uint8).data)  # unlike tofile, it says what went wrong
        file.flush()
        if not file.tell():
            return parts
        ends = np.cumsum([len(part) for part in parts])
        return np.split(np.memmap(file, parts[0].dtype, "r"), ends[:-1])


class TableSpool(Spool[pa.Table]):
    """Parts are Arrow tables with the same columns."""

    def _bytes_of(self, part: pa.Table) -> int:
        return int(part.nbytes)

    def _written(self, parts: list[pa.Table], file: IO[bytes]) -> list[pa.Table]:
        written = []
        for part in parts:
            offset = file.tell()
            with pa.ipc.new_stream(pa.PythonFile(file, "w"), part.schema) as writer:
                writer.write_table(part)
            file.flush()
            length = file.tell() - offset
            mapped = np.memmap(file, np.uint8, "r", offset, (length,))
            written.append(pa.ipc.open_stream(pa.py_buffer(mapped)).read_all())
        return written
