"""Packed recording: one fixed-size record per span side, written into a preallocated buffer, decoded at the end."""

from __future__ import annotations

from collections.abc import Collection
from struct import Struct
from struct import error as PackError
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.draws import mixed
from lab.recording import paths
from lab.recording.entries import LogArgument, LogRecord
from lab.recording.ids import Ids
from lab.recording.sides import FORGOTTEN, SERVER, Sides, make_sides

_RECORD = Struct("<qqqqhbb")
_DTYPE = np.dtype(
    [
        ("request", "<i8"),
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("path", "<i8"),
        ("edge", "<i2"),
        ("status", "i1"),
        ("side", "i1"),
    ]
)
_SIZE = _RECORD.size
assert _DTYPE.itemsize == _SIZE


class Recorder:
    """Collects spans and logs of one run. Memory per span side: `RECORD_BYTES`."""

    RECORD_BYTES = _RECORD.size

    def __init__(self, capacity: int = 1 << 15) -> None:
        self._buffer = bytearray(capacity * _RECORD.size)
        self._offset = 0
        self._pack_into = _RECORD.pack_into
        self._has_forgotten = False
        self.logs: list[LogRecord] = []

    def span(self, request: int, start_ns: int, end_ns: int, path: int, edge: int, status: int, side: int) -> None:
        """Adds one span side; times are testbed nanoseconds, `path` is explained in `paths`."""
        offset = self._offset
        try:
            self._pack_into(self._buffer, offset, request, start_ns, end_ns, path, edge, status, side)
        except PackError:  # full
            self._buffer.extend(bytes(len(self._buffer)))
            self._pack_into(self._buffer, offset, request, start_ns, end_ns, path, edge, status, side)
        self._offset = offset + _SIZE

    def log(
        self, time_ns: int, component: str, level: str, template: str, request: int, *arguments: LogArgument
    ) -> None:
        """Adds a log line about a request (-1: about none)."""
        self.logs.append(LogRecord(time_ns, component, level, template, request, arguments))

    def forget_unfinished(self, edges: Collection[int], now_ns: int) -> None:
        """Forgets the server sides over these edges that would end later: their process did not live to report them."""
        rows = np.frombuffer(self._buffer, _DTYPE, self.spans_count)
        forgotten = (rows["side"] == SERVER) & np.isin(rows["edge"], list(edges)) & (rows["end_ns"] > now_ns)
        rows["side"][forgotten] = FORGOTTEN
        self._has_forgotten |= bool(forgotten.any())

    @property
    def buffer_bytes(self) -> int:
        """Memory held for span sides, the room kept for more included."""
        return len(self._buffer)

    @property
    def spans_count(self) -> int:
        """Span sides recorded so far."""
        return self._offset // _SIZE

    def spans(self, first: int = 0) -> npt.NDArray[Any]:
        """Span sides from number `first` on as a structured array, in the order they were recorded."""
        rows = np.frombuffer(self._buffer, _DTYPE, self.spans_count - first, first * _SIZE).copy()
        return rows[rows["side"] != FORGOTTEN] if self._has_forgotten else rows


class NullRecorder(Recorder):
    """Records nothing; for benchmarks of the request engine alone."""

    def span(self, request: int, start_ns: int, end_ns: int, path: int, edge: int, status: int, side: int) -> None:
        pass

    def log(
        self, time_ns: int, component: str, level: str, template: str, request: int, *arguments: LogArgument
    ) -> None:
        pass


def named(rows: npt.NDArray[Any], ids: Ids, edges_count: int) -> Sides:
    """Packed records as span sides: paths become keys."""
    roots = ids.request_keys(rows["request"])
    above, above_edge = paths.parent(rows["path"], edges_count)
    own = rows["edge"] < 0
    return make_sides(
        len(rows), request=rows["request"], start_ns=rows["start_ns"], end_ns=rows["end_ns"], edge=rows["edge"],
        attempt=np.where(own, 0, paths.attempt(rows["path"])), status=rows["status"], side=rows["side"],
        key=np.where(own, roots, _call_keys(roots, rows["path"], rows["edge"])),
        parent=np.where(above_edge < 0, roots, _call_keys(roots, above, above_edge)),
    )  # fmt: skip


def _call_keys(roots: npt.NDArray[Any], path: npt.NDArray[Any], edge: npt.NDArray[Any]) -> npt.NDArray[Any]:
    word = (path.astype(np.uint64) << np.uint64(12)) ^ ((edge.astype(np.int64) + 64).astype(np.uint64) << np.uint64(2))
    return mixed(roots ^ mixed(word))
