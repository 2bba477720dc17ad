"""How a worker process leaves: when it is asked to (SIGTERM), or when the process that started it has gone.

It leaves at once where it has nothing to do, and otherwise through every `finally` of its job. It is asked only once: a
pool that loses a worker asks all others once more, also those that are still putting away what they were at.
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

Found = TypeVar("Found")


class Leaving(BaseException):
    """The process was asked to leave. Not SystemExit: what imports plug-ins takes that for a failure of theirs."""


_is_at_work = False
_last: Callable[[], object]


def leave_when_asked(last: Callable[[], object] = lambda: None) -> None:
    """From now on, in the main thread of a worker. `last` is called before it ends."""
    global _last  # noqa: PLW0603  # a signal's handler is given nothing
    _last = last
    sys.unraisablehook = _not_lost
    signal.signal(signal.SIGTERM, _leave)
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
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if _is_at_work:
        raise Leaving
    _end()


def _end() -> NoReturn:
    _last()
    os._exit(STATUS)


def _not_lost(unraisable: sys.UnraisableHookArgs) -> None:
    """A signal that came while Python cleared an object up, where what it raises ends nothing: it comes once more."""
    if not issubclass(unraisable.exc_type, Leaving):
        sys.__unraisablehook__(unraisable)
        return
    signal.signal(signal.SIGTERM, _leave)
    again = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))  # by then this has returned
    again.daemon = True
    again.start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
