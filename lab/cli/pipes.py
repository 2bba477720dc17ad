"""Standard streams whose reader may go away: the run goes on and keeps its files and its exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

failures: list[OSError] = []
"""What kept the result from being printed, such as a full disk. A reader that had enough is none."""


class _Lasting(io.FileIO):
    """A file descriptor that becomes the null device when it cannot be written to any more."""

    is_terminal = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not isinstance(error, BrokenPipeError) and not (self.is_terminal and error.errno == errno.EIO):
                failures.append(error)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
            return len(data)


def outlast_readers() -> None:
    """Makes the process's own stdout and stderr lasting; streams that something else has put there stay."""
    if sys.stdout is sys.__stdout__:
        sys.stdout = _lasting(sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(sys.stderr)


def _lasting(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by the parent process
        return open(os.devnull, "w", encoding="utf-8")
    try:
        raw = _Lasting(stream.fileno(), "wb", closefd=False)
    except (OSError, ValueError):  # nothing a process can write to
        return stream
    raw.is_terminal = stream.isatty()  # one that was closed says no
    stream.flush()
    by_line = stream.isatty() or stream is sys.__stderr__
    # A terminal without ✓ gets a question mark, not a traceback.
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, "replace", line_buffering=by_line)
