"""The lock of a stack: one lab at a time, and a file that says who it is and what it does.

The file is in the checkout, because the stack belongs to the checkout, not to a state directory. `flock` shows whether
a process holds it; it ends with the process. The content stays after the process: it says where the journal of a killed
lab is.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from lab.errors import Problem, UserError
from lab.files.fileio import reason
from lab.testbeds.stack.files import checkout
from lab.testbeds.stack.holder import SIZE_BYTES, Activity, Content, Holder, read, write
from lab.testbeds.stack.journal import open_undos
from lab.testbeds.stack.options import SYSTEM
from lab.testbeds.stack.secrets import CHECKOUT_ID, FILE, SHORT, ensure_env

STATE_DIRECTORY = ".lab"
LOCK = "stack.lock"
BELOW = "checkout-"
"""Begins the names of checkouts' directories below LAB_STATE_DIR."""
ABORT = signal.SIGUSR1
"""What `lab stack abort` sends."""
TAKE_WITHIN_S = 1.0
"""Who only looks holds the lock for an instant."""
_POLL_S = 0.05


class AbortedError(KeyboardInterrupt):
    """`lab stack abort` asked this process to end; its text says what became of the run."""


@dataclass(frozen=True)
class Look:
    """What the lock says. `holder`: who holds it if it `is_held`, or who was killed while holding it.

    `journals`: state directories in which something may be open.
    """

    is_held: bool
    holder: Holder | None
    journals: tuple[Path, ...]


class StackLock:
    """The lock in a checkout's directory, for a lab with this state directory.

    `named`: what this checkout's directory below LAB_STATE_DIR is called.
    """

    def __init__(self, directory: Path, state: Path, named: str = "") -> None:
        self.path = directory / LOCK
        self._state = state.resolve()
        self._named = named

    @property
    def is_mine(self) -> bool:
        """Whether this process holds it already."""
        return self.path in _own

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
                own = _own[self.path] = _OwnEntry(handle, self.path, self._state)
                until_released.callback(_own.pop, self.path)
                if threading.current_thread() is threading.main_thread():
                    # Before the file names a process to signal, and until after it names none.
                    until_released.callback(_end_hearing, signal.signal(ABORT, _abort))
                until_released.callback(own.release)
                own.begin()
                try:
                    yield
                except AbortedError as error:
                    raise AbortedError(own.farewell()) from error
        finally:
            os.close(handle)

    @contextmanager
    def ending(self, phase: str) -> Iterator[None]:
        """Around the last steps of a lab, which an abort waits for instead of cutting them short."""
        self.show_activity(phase=phase)
        if not self.is_mine or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(ABORT, lambda *_: acknowledge())
        try:
            yield
        finally:
            signal.signal(ABORT, before)

    def show_activity(self, **activity: Unpack[Activity]) -> None:
        """Writes into the lock what its holder does; None removes a part. Only the holder's process does this."""
        own = _own.get(self.path)
        if own is not None:
            own.show_activity(activity)

    def remember(self, before: Mapping[str, Any]) -> None:
        """Notes what was on the engine before this lab, which goes back to it at its end; the first note holds."""
        own = _own.get(self.path)
        if own is not None and "before" not in own.activity:
            own.show_activity({"before": before})

    def forget(self, journals: set[Path]) -> None:
        """Strikes out state directories in which nothing is open any more."""
        own = _own.get(self.path)
        if own is not None:
            own.journals = [one for one in own.journals if one not in journals or one == self._state]
            own.write()

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
            content = read(handle)
        except OSError as error:
            raise self._refused(error) from None
        finally:
            os.close(handle)
        own = tuple(state for state in content.journals if not self._is_anothers(state))
        return Look(is_held, content.holder, own)

    def _is_anothers(self, state: Path) -> bool:
        """Whether a state directory is that of another checkout, of which this one is a copy, lock file and all."""
        if state.name == self.path.parent.name:
            return state != self.path.parent.resolve()
        return bool(self._named) and state.name.startswith(BELOW) and state.name != self._named

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
                    raise UserError(self._busy(read(handle).holder))
                time.sleep(_POLL_S)
            if os.fstat(handle).st_size < SIZE_BYTES:
                write(handle, read(handle))
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
            seen=str(holder) if holder else "a process that has not written its name",
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


def stack_lock(system: str = SYSTEM) -> StackLock:
    """The lock of a system's stack of this checkout, for a lab with the state directory of the environment."""
    top = checkout()
    return StackLock(_in_checkout(top, system), state_directory(top, system), _named(top, system))


def lock_to_look_at(system: str = SYSTEM) -> StackLock:
    """The lock of a system's stack for who may not even read the checkout's env file, as another user."""
    directory = _in_checkout(checkout(), system)
    return StackLock(directory, directory)


def state_directory(top: Path, system: str = SYSTEM) -> Path:
    """Where this lab keeps the journal of a system's stack: below LAB_STATE_DIR each has a directory of its own."""
    own, named = top / STATE_DIRECTORY, os.environ.get("LAB_STATE_DIR")
    if not named or Path(named).resolve() == own.resolve():
        return _in_checkout(top, system)
    return Path(named) / _named(top, system)


def _in_checkout(top: Path, system: str) -> Path:
    """The directory in the checkout: the default system's, or below it."""
    return top / STATE_DIRECTORY if system == SYSTEM else top / STATE_DIRECTORY / system


def _named(top: Path, system: str) -> str:
    name = BELOW + ensure_env(top / FILE)[CHECKOUT_ID][:SHORT]
    return name if system == SYSTEM else f"{name}-{system}"


class _OwnEntry:
    """What this process has written into a lock that it holds."""

    def __init__(self, handle: int, path: Path, state: Path) -> None:
        self._handle = handle
        self._path = path
        self._state = state
        self.journals = list(read(handle).journals)
        if state not in self.journals:
            self.journals.append(state)
        self._holder: Holder | None = Holder.this_process(state)

    @property
    def activity(self) -> Activity:
        return self._holder.activity if self._holder else Activity()

    def begin(self) -> None:
        """Says on disk who holds the lock, before anything is changed."""
        self.write()
        os.fsync(self._handle)

    def show_activity(self, changed: Activity) -> None:
        """Writes what the lab does now; None removes a part."""
        assert self._holder is not None
        activity: Activity = {**self._holder.activity, **changed}
        if "phase" in changed:
            activity["phase_since_unix_s"] = changed.get("phase_since_unix_s", time.time())
        if activity.get("clock", ...) is None:
            activity.pop("clock")
        if activity.get("faults", ...) is None:
            activity.pop("faults")
        self._holder = replace(self._holder, activity=activity)
        with suppress(OSError):  # that others do not see it ends no run
            self.write()

    def write(self) -> None:
        write(self._handle, Content(self._holder, tuple(self.journals)))

    def farewell(self) -> str:
        """What an aborted lab says at its end."""
        assert self._holder is not None
        what = self._holder.activity
        run = f" during {what['scenario']} seed {what['seed']}" if "scenario" in what else ""
        left = [f"{undo.lever} of {undo.element}" for undo in open_undos(self._state)]
        became = f"NOT put back: {', '.join(left)}; run: lab recover" if left else "everything was put back"
        return f"aborted by lab stack abort{run}: {became}"

    def release(self) -> None:
        """Notes that no lab holds the lock; the journal stays named while it has open entries."""
        with suppress(OSError):
            if not open_undos(self._state):
                self.journals.remove(self._state)
        self._holder = None
        with suppress(OSError):
            self.write()


_own: dict[Path, _OwnEntry] = {}


def _end_hearing(before: Any) -> None:
    """Puts back the handler that was there; an abort that comes just after must not kill a lab that prints results."""
    signal.signal(ABORT, _ignore if before == signal.SIG_DFL else before)


def _ignore(*_: object) -> None:  # and not SIG_IGN, which engines would inherit
    pass


def acknowledge() -> None:
    """Says in the file that the wish to abort was heard; further ones change nothing."""
    signal.signal(ABORT, _ignore)
    for own in _own.values():
        own.show_activity({"abort_heard_unix_s": time.time()})


def _abort(*_: object) -> None:
    acknowledge()
    raise AbortedError


def _flocked(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
