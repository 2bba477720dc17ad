"""One server at a time on a state directory: two would each keep their own clocks of the same sessions."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import Problem, UserError
from lab.files.fileio import reason

LOCK = "training.lock"
"""Held while a server runs; ends with its process, however that ends. Its content says which process it is."""


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Holds a state directory; UserError where another process does, or it cannot be written."""
    handle = -1
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        _lock(handle, directory)
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        hint = "free space there, or name another directory with --state"
        what = "sessions cannot be kept here"
        raise UserError(Problem(what, str(directory), seen=reason(error), hint=hint)) from error
    try:
        yield
    finally:
        os.close(handle)


def _lock(handle: int, directory: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = os.read(handle, 20).decode("ascii", "replace").strip()
        os.close(handle)
        what, hint = "another lab train keeps its sessions here", "end it, or name another directory with --state"
        raise UserError(Problem(what, str(directory), seen=f"process {who or 'unknown'}", hint=hint)) from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
