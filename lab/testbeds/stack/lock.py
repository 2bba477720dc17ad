"""The lock of a stack: one lab at a time, and a file that says who it is and what it does.

The file lies in the checkout, as the stack belongs to the checkout, whatever the state directory. `flock` tells whether
somebody holds it; it ends with the process. The content stays after the process: it says where the journal of a killed
lab is.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.errors import Problem, UserError
from lab.files.fileio import reason
from lab.testbeds.stack.compose import checkout
from lab.testbeds.stack.journal import open_undos
from lab.testbeds.stack.processes import born

STATE_DIRECTORY = ".lab"
LOCK = "stack.lock"
ABORT = signal.SIGUSR1
"""What `lab stack abort` sends."""
SIZE_BYTES = 8192
"""The file is this long from the start, so that a disk which fills up later takes nothing away."""
TAKE_WITHIN_S = 1.0
"""Who only looks holds the lock for an instant."""
_POLL_S = 0.05
_MAX_BYTES = 1 << 20


class AbortedError(KeyboardInterrupt):
    """`lab stack abort` asked this process to end; its text says what became of the run."""


@dataclass(frozen=True)
class Holder:
    """The lab that holds a stack, or held it last. `born`: its process's start time, as `processes.born` has it.

    `activity`: `phase`, `phase_since_unix_s` and, of a run, what it is (see `lab.testbeds.stack.live`).
    """

    pid: int
    born: str
    user: str
    host: str
    command: str
    state_directory: str
    since_unix_s: float
    activity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    def is_same(self, other: Holder | None) -> bool:
        """Whether it is the same process, whatever it does meanwhile."""
        return other is not None and (self.pid, self.born, self.host) == (other.pid, other.born, other.host)

    def __str__(self) -> str:
        what = [self.activity.get("scenario"), self.activity.get("phase")]
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since_unix_s))
        doing = f": {', '.join(str(part) for part in what if part)}" if any(what) else ""
        place = "" if self.is_here else f" on {self.host}"
        return (
            f"`{self.command}` (pid {self.pid} of {self.user}{place}, since {since}){doing}; "
            f"state directory {self.state_directory}"
        )


@dataclass(frozen=True)
class Look:
    """What the lock says. `holder`: who holds it if it `is_held`, or who was killed while holding it.

    `journals`: state directories in which something may be open.
    """

    is_held: bool
    holder: Holder | None
    journals: tuple[Path, ...]


class StackLock:
    """The lock in a checkout's directory, for a lab with this state directory."""

    def __init__(self, directory: Path, state: Path) -> None:
        self.path = directory / LOCK
        self._state = state.resolve()

    @property
    def is_mine(self) -> bool:
        """Whether this process holds it already."""
        return self.path in _mine

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the stack; UserError that names the holder while another has it. A process may nest it.

        An AbortedError that passes says afterwards what became of the run.
        """
        if self.is_mine:
            yield
            return
        handle = self._take()
        try:
            with ExitStack() as until_released:
                mine = _mine[self.path] = _Mine(handle, self.path, self._state)
                until_released.callback(_mine.pop, self.path)
                if threading.current_thread() is threading.main_thread():
                    # Before the file says whom to signal, and until after it says that nobody is to be.
                    until_released.callback(signal.signal, ABORT, signal.signal(ABORT, _asked))
                until_released.callback(mine.release)
                mine.begin()
                try:
                    yield
                except AbortedError as error:
                    raise AbortedError(mine.farewell()) from error
        finally:
            os.close(handle)

    @contextmanager
    def ending(self, phase: str) -> Iterator[None]:
        """Around the last steps of a lab, which an abort waits for instead of cutting them short."""
        self.tell(phase=phase)
        if not self.is_mine or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(ABORT, lambda *_: acknowledge())
        try:
            yield
        finally:
            signal.signal(ABORT, before)

    def tell(self, **activity: Any) -> None:
        """Says what the holder does; None takes a word back. Nothing happens where this process does not hold it."""
        mine = _mine.get(self.path)
        if mine is not None:
            mine.tell(activity)

    def remember(self, before: Mapping[str, Any]) -> None:
        """Notes what was on the engine before this lab, which goes back to it at its end; the first note holds."""
        mine = _mine.get(self.path)
        if mine is not None and "before" not in mine.activity:
            mine.tell({"before": before})

    def forget(self, journals: set[Path]) -> None:
        """Strikes out state directories in which nothing is open any more."""
        mine = _mine.get(self.path)
        if mine is not None:
            mine.journals = [one for one in mine.journals if one not in journals or one == self._state]
            mine.write()

    def look(self) -> Look:
        """Who holds the stack, without taking it."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return Look(False, None, ())
        except OSError as error:
            raise self._refused(error) from None
        try:
            is_held = not _flocked(handle, fcntl.LOCK_SH)
            content = _read(handle)
        except OSError as error:
            raise self._refused(error) from None
        finally:
            os.close(handle)
        journals = tuple(Path(one) for one in content.get("journals", ()))
        return Look(is_held, _holder(content.get("holder")), journals)

    def _take(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._refused(error) from None
        try:
            until_s = time.monotonic() + TAKE_WITHIN_S
            while not _flocked(handle, fcntl.LOCK_EX):
                if time.monotonic() > until_s:
                    raise UserError(self._busy(_holder(_read(handle).get("holder"))))
                time.sleep(_POLL_S)
            if os.fstat(handle).st_size < SIZE_BYTES:
                _write(handle, _read(handle))
        except OSError as error:
            os.close(handle)
            raise self._refused(error) from None
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _busy(self, holder: Holder | None) -> Problem:
        return Problem(
            "another lab holds the stack",
            str(self.path),
            seen=str(holder) if holder else "a process that has not said who it is",
            expected="one lab at a time at one stack",
            hint="wait for it to end (lab stack status shows how far it is), or end it: lab stack abort",
        )

    def _refused(self, error: OSError) -> UserError:
        return UserError(
            Problem(
                f"the stack cannot be locked: {reason(error)}",
                str(self.path),
                expected=f"a file of {SIZE_BYTES // 1024} KiB that this user may write: it says who holds the stack",
                hint="free space there, or make the checkout writable",
            )
        )


def stack_lock() -> StackLock:
    """The lock of this checkout's stack, for a lab with the state directory of the environment."""
    top = checkout()
    return StackLock(top / STATE_DIRECTORY, state_directory(top))


def state_directory(top: Path) -> Path:
    """Where this lab keeps its journal."""
    return Path(os.environ.get("LAB_STATE_DIR") or top / STATE_DIRECTORY)


class _Mine:
    """What this process has written into a lock that it holds."""

    def __init__(self, handle: int, path: Path, state: Path) -> None:
        self._handle = handle
        self._path = path
        self._state = state
        self.journals = [Path(one) for one in _read(handle).get("journals", ())]
        if state not in self.journals:
            self.journals.append(state)
        self._holder: Holder | None = Holder(
            os.getpid(), born(os.getpid()), _user(), socket.gethostname(), _command(), str(state), time.time(),
        )  # fmt: skip

    @property
    def activity(self) -> Mapping[str, Any]:
        return self._holder.activity if self._holder else {}

    def begin(self) -> None:
        """Says on disk who holds the lock, before anything is changed."""
        self.write()
        os.fsync(self._handle)

    def tell(self, activity: Mapping[str, Any]) -> None:
        assert self._holder is not None
        if "phase" in activity:
            activity = {"phase_since_unix_s": time.time(), **activity}
        told = {name: value for name, value in {**self._holder.activity, **activity}.items() if value is not None}
        self._holder = replace(self._holder, activity=told)
        with suppress(OSError):  # a word that is not told costs no run
            self.write()

    def write(self) -> None:
        holder = asdict(self._holder) if self._holder else None
        _write(self._handle, {"holder": holder, "journals": [str(one) for one in self.journals]})

    def farewell(self) -> str:
        """What an aborted lab says at its end."""
        assert self._holder is not None
        what = self._holder.activity
        run = f" during {what['scenario']} seed {what['seed']}" if "scenario" in what else ""
        left = [f"{undo.lever} of {undo.element}" for undo in open_undos(self._state)]
        became = f"NOT put back: {', '.join(left)}; run: lab recover" if left else "everything was put back"
        return f"aborted by lab stack abort{run}: {became}"

    def release(self) -> None:
        """Says that nobody holds the lock; the journal stays named while something is open in it."""
        with suppress(OSError):
            if not open_undos(self._state):
                self.journals.remove(self._state)
        self._holder = None
        with suppress(OSError):
            self.write()


_mine: dict[Path, _Mine] = {}


def acknowledge() -> None:
    """Says in the file that the wish to abort was heard; further ones change nothing."""
    signal.signal(ABORT, lambda *_: None)
    for mine in _mine.values():
        mine.tell({"abort_heard_unix_s": time.time()})


def _asked(*_: object) -> None:
    acknowledge()
    raise AbortedError


def _flocked(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(handle: int) -> dict[str, Any]:
    """The content; empty where there is none yet, or none that is whole."""
    for _ in range(5):
        try:
            content = json.loads(os.pread(handle, _MAX_BYTES, 0))
        except ValueError:  # in the middle of being written, or never written
            time.sleep(_POLL_S / 5)
        else:
            return content if isinstance(content, dict) else {}
    return {}


def _write(handle: int, content: Mapping[str, Any]) -> None:
    data = json.dumps(content).encode().ljust(SIZE_BYTES)
    os.pwrite(handle, data, 0)
    os.ftruncate(handle, len(data))


def _holder(content: Any) -> Holder | None:
    try:
        return Holder(**content)
    except TypeError:
        return None


def _user() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def _command() -> str:
    """The command without its arguments: they may hold what is nobody's business."""
    import click

    context = click.get_current_context(silent=True)
    return context.command_path if context else Path(sys.argv[0]).name
