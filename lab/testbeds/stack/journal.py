"""Write-ahead journal of levers: what is about to be changed is on disk before it changes.

Each line is one event: `intent` (with the value to restore), `applied`, `reverted`. A lever with an intent and no
later `reverted` is open: whoever comes next must put it back, in any process.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from lab.errors import UserError
from lab.levers import Undo

FILE = "journal.jsonl"
LOCK = "stack.lock"


class Journal:
    """The journal in a state directory. Every entry is fsynced before `write` returns."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self._file: TextIO | None = None

    def write(self, event: str, undo: Undo, value: Any, time_s: float) -> dict[str, Any]:
        """Appends one event and returns it."""
        entry = {
            "event": event, "lever": undo.lever, "element": undo.element, "previous": undo.previous, "value": value,
            "time_s": time_s,
        }  # fmt: skip
        file = self._current()
        file.write(json.dumps(entry, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
        return entry

    def _current(self) -> TextIO:
        """The file under the journal's name: another process may have cleared it since the last entry."""
        if self._file is not None and not _is_at(self._file, self.path):
            self._file.close()
            self._file = None
        if self._file is None:
            self._file = self._open()
        return self._file

    def _open(self) -> TextIO:
        created = not self.path.exists()
        # A line cut off by a crash must not swallow the next one.
        torn = not created and not self.path.read_bytes().endswith(b"\n")
        file = self.path.open("a", encoding="utf-8")
        if torn:
            file.write("\n")
        if created:
            _sync_directory(self.path.parent)
        return file

    def open_undos(self) -> list[Undo]:
        """Levers that were to be changed and not put back, the last one first."""
        opened: dict[tuple[str, str], list[Undo]] = {}
        order: list[Undo] = []
        for entry in _entries(self.path):
            key = (entry["lever"], entry["element"])
            if entry["event"] == "intent":
                undo = Undo(entry["lever"], entry["element"], entry["previous"])
                opened.setdefault(key, []).append(undo)
                order.append(undo)
            elif entry["event"] == "reverted" and opened.get(key):
                order.remove(opened[key].pop())
        return order[::-1]

    def clear(self) -> None:
        """Forgets a journal in which nothing is open."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self.open_undos():
            self.path.unlink(missing_ok=True)


def _entries(path: Path) -> list[dict[str, Any]]:
    """All whole lines: a last line cut off by a crash was never acted upon, because acting waits for the fsync."""
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_mine: set[Path] = set()


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Holds the stack for one process at a time; UserError while another has it. Ends with the process at the latest.

    A process may nest it.
    """
    if directory in _mine:
        yield
        return
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("another lab is using the stack; wait for it to end") from None
        _mine.add(directory)
        try:
            yield
        finally:
            _mine.discard(directory)
