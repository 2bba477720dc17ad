"""Write-ahead journal of levers: what is about to be changed is on disk before it changes.

Each line is one event: `intent` (with the value to restore), `applied`, `reverted`. A lever with an intent and no
later `reverted` is open: whoever comes next must put it back, in any process.

The file is longer than what is in it, by empty lines: an intent is written only where there is room for all that
follows from it, so that a disk which fills up meanwhile keeps nobody from saying that a lever went back.
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.errors import LabError, Problem, UserError
from lab.files.fileio import read_file, reason
from lab.injection.levers import Event, JournalEntry, Json, Undo
from lab.recording.keeping import is_no_room

FILE = "journal.jsonl"
AHEAD_BYTES = 16 << 10
"""Room kept for what follows an intent: the few hundred bytes of `applied` and `reverted`, of every lever pulled."""
EVENTS = {"intent", "applied", "reverted"}
HINT = "name another directory: LAB_STATE_DIR"


class JournalError(LabError):
    """The journal cannot be written; exit code 3. Text says what that means for the levers."""


class Journal:
    """The journal in a state directory. Every entry is fsynced before `write` returns."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._unsaid: list[Undo] = []

    def prepare(self) -> None:
        """Makes sure of the file and of room in it; UserError where that is impossible."""
        try:
            self._append(b"", AHEAD_BYTES)
        except OSError as error:
            problem = self._problem("nothing is changed without a journal, and it cannot be written", error)
            raise UserError(problem) from error

    def write(self, event: Event, undo: Undo, value: Json | None, time_s: float) -> JournalEntry:
        """Appends one event and returns it; JournalError where that is impossible."""
        entry: JournalEntry = {
            "event": event, "lever": undo.lever, "element": undo.element, "previous": undo.previous, "value": value,
            "time_s": time_s,
        }  # fmt: skip
        line = json.dumps(entry, sort_keys=True).encode() + b"\n"
        try:
            self._append(line, AHEAD_BYTES + 4 * len(line) if event == "intent" else 0)
        except OSError as error:
            if event == "reverted":
                self._unsaid.append(undo)
            what = {
                "intent": f"{undo.lever} of {undo.element} was not pulled: the journal cannot be written",
                "applied": f"{undo.lever} of {undo.element} is put back: the journal cannot be written",
                "reverted": f"{undo.lever} of {undo.element} was put back, but the journal cannot say so",
            }
            raise self._cannot(what[event], error) from error
        return entry

    def _append(self, line: bytes, ahead_bytes: int) -> None:
        """Puts a line after what is in the file, with so many bytes of room behind it; synced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        created = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            content = os.pread(handle, os.fstat(handle).st_size, 0)
            size, end = len(content), len(content.rstrip(b"\n\0"))
            if size < end + 1 + len(line) + ahead_bytes:
                _put(handle, b"\n" * (end + 1 + len(line) + 2 * ahead_bytes - size), size)
            if line:  # after a line break: a line cut off by a crash must not swallow it
                _put(handle, b"\n" + line if end else line, end)
            os.fsync(handle)
        finally:
            os.close(handle)
        if created:
            _sync_directory(self.path.parent)

    def _cannot(self, what: str, error: OSError) -> JournalError:
        return JournalError(str(self._problem(what, error)))

    def _problem(self, what: str, error: OSError) -> Problem:
        seen, hint = reason(error), HINT
        if isinstance(error, PermissionError):
            seen += f"; it is {_owner(self.path)}'s"
        if is_no_room(error):
            hint = f"free space there, or {HINT}"
            with suppress(OSError):
                there = next(place for place in self.path.parents if place.exists())
                seen += f", {shutil.disk_usage(there).free} bytes free"
        return Problem(what, str(self.path), seen=seen, hint=hint)

    def open_undos(self) -> list[Undo]:
        """Levers that were to be changed and not put back, the last one first."""
        return open_undos(self.path.parent)

    def left(self) -> list[Undo]:
        """What is open, without what this process put back and could not say so."""
        left = self.open_undos()
        for undo in self._unsaid:
            if undo in left:
                left.remove(undo)
        return left

    def clear(self) -> None:
        """Forgets a journal in which nothing is left to do."""
        if not self.left():
            self.discard()

    def discard(self) -> None:
        """Forgets it, whatever is in it. JournalError where the file cannot be removed and something is open in it."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            if self.open_undos():
                raise self._cannot("nothing is left to do of what this journal says; remove it", error) from error
        self._unsaid.clear()


def open_undos(directory: Path) -> list[Undo]:
    """What the journal in a state directory has open, the last one first. An empty list where there is none.

    UserError where it is another user's, and may not be read.
    """
    opened: dict[tuple[str, str], list[Undo]] = {}
    order: list[Undo] = []
    for entry in _entries(directory / FILE):
        key = (entry["lever"], entry["element"])
        if entry["event"] == "intent":
            undo = Undo(entry["lever"], entry["element"], entry["previous"])
            opened.setdefault(key, []).append(undo)
            order.append(undo)
        elif entry["event"] == "reverted" and opened.get(key):
            order.remove(opened[key].pop())
    return order[::-1]


def _entries(path: Path) -> list[dict[str, Any]]:
    """All whole entries: a line cut off by a crash was never acted upon, because acting waits for the fsync."""
    try:
        lines = read_file(path).split(b"\n")[:-1]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise UserError(_not_ours(path)) from None
    entries = []
    for line in lines:
        with suppress(ValueError):
            entry = json.loads(line)
            if _is_entry(entry):
                entries.append(entry)
    return entries


def _is_entry(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and all(isinstance(content.get(name), str) for name in ("event", "lever", "element"))
        and content["event"] in EVENTS
        and (content["event"] != "intent" or "previous" in content)
    )


def check_directory(directory: Path) -> None:
    """UserError where a state directory, which need not be there yet, cannot be: a file is in its place."""
    for place in (directory, *directory.parents):
        if os.path.lexists(place):
            if not place.is_dir():
                raise UserError(
                    Problem("this is no directory, and a lab keeps there what it has changed", str(place),
                            expected="a directory, or nothing yet", hint=HINT)
                )  # fmt: skip
            return


def is_gone(directory: Path) -> bool:
    """Whether there is no such state directory. UserError where that is for another user's eyes only."""
    try:
        return not stat.S_ISDIR(directory.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except PermissionError:
        raise UserError(_not_ours(directory)) from None


def _not_ours(path: Path) -> Problem:
    owner = _owner(path)
    return Problem(
        f"the state of a lab of {owner} may not be read: nobody else knows what it has changed", str(path),
        seen="permission denied", expected="a state directory that this user may read",
        hint=f"ask {owner} to run lab recover or lab stack abort, do this as {owner}, or make it readable",
    )  # fmt: skip


def _owner(path: Path) -> str:
    """Whose a file is, or the nearest directory above it that can be asked."""
    for place in (path, *path.parents):
        with suppress(OSError):
            user = place.stat().st_uid
            try:
                return pwd.getpwuid(user).pw_name
            except KeyError:
                return f"user {user}"
    return "another user"


def _put(handle: int, data: bytes, at: int) -> None:
    """Writes all of it; a disk with room for a part of it is full."""
    written = os.pwrite(handle, data, at)
    if written < len(data):
        left = os.pwrite(handle, data[written:], at + written)  # says why
        if written + left < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
