"""How a worker process leaves: when it is asked to (SIGTERM), or when the process that started it has gone.

It leaves at once where it has nothing to do, and otherwise through every `finally` of its job. It is asked until it has
left, for what is raised may be lost: in C code that is loading, or where an object is cleared up. But nothing is raised
while it puts away what it was at, however often it is asked: a pool that loses a worker asks all others once more.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

STATUS = 128 + signal.SIGTERM
"""With what a worker ends that was asked to leave."""

AGAIN_S = 0.2
"""After this long it is asked again."""

Found = TypeVar("Found")


class Leaving(BaseException):
    """The process was asked to leave. Not SystemExit: what imports plug-ins takes that for a failure of theirs."""


_ASKING = (signal.SIGTERM, signal.SIGALRM)
_is_at_work = False
_last: Callable[[], object]


def leave_when_asked(last: Callable[[], object] = lambda: None) -> None:
    """From now on, in the main thread of a worker. `last` is called before it ends."""
    global _last  # noqa: PLW0603  # a signal's handler is given nothing
    _last = last
    sys.unraisablehook = _unless_leaving
    for number in _ASKING:
        signal.signal(number, _leave)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def at_work(job: Callable[[], Found]) -> Found:
    """What the job gives. Where the process is asked to leave meanwhile, the job is left, and the process ends."""
    global _is_at_work  # noqa: PLW0603  # a signal's handler is given nothing
    try:
        try:
            _is_at_work = True
            return job()
        finally:
            _is_at_work = False
    except Leaving:
        _end()  # a pool would take it for what came of the job, and go on to the next one


def _leave(*_: object) -> None:
    if not _is_at_work:
        _end()
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)  # no thread: the signal may have come while one was being started
    if not _puts_away():
        raise Leaving


def _puts_away() -> bool:
    """Whether what was interrupted goes on because of `Leaving`: in a `finally`, an `except`, or at a `with`'s end."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Leaving):
        error = error.__context__
    return error is not None


def _end() -> NoReturn:
    for number in _ASKING:
        signal.signal(number, signal.SIG_IGN)
    _last()
    os._exit(STATUS)


def _unless_leaving(unraisable: sys.UnraisableHookArgs) -> None:
    if not issubclass(unraisable.exc_type, Leaving):
        sys.__unraisablehook__(unraisable)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
