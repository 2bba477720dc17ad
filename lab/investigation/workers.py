"""Processes that simulate while the server answers: a few, each with one job at a time, ended with the server."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.errors import UserError
from lab.runs.leaving import at_work, leave_when_asked

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS = 256
"""Jobs whose progress is told at a time."""
GRACE_S = 5.0
"""How long a worker may take to leave its job before it is killed."""


class Failure(NamedTuple):
    """Why a job failed, in words for people."""

    what: str
    hint: str = ""


class Job:
    """A job that was handed over: how far it is, and in the end what came of it or why it failed."""

    def __init__(self, slot: int, shares: Any) -> None:
        self._slot, self._shares = slot, shares

    @property
    def share(self) -> float:
        """The share of it that is done. What is being done is not told: the words may name a fault."""
        return float(self._shares[self._slot])


class Workers:
    """Some worker processes, started when they are first needed."""

    def __init__(self, count: int) -> None:
        self._count = max(1, count)
        context = multiprocessing.get_context("spawn")
        self._shares = context.RawArray("d", SLOTS)
        self._context = context
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._next = 0
        self._closed = False

    def submit(
        self, function: Callable[..., Any], *given: Any, then: Callable[[Any], None], failed: Callable[[Failure], None]
    ) -> Job:
        """Has `function(*given, progress)` run in a worker; `then` or `failed` is called in a thread of this process.

        What is given, and what comes back, must be picklable.
        """
        with self._lock:
            slot, self._next = self._next % SLOTS, self._next + 1
            self._shares[slot] = 0.0
            try:
                future = self._started().submit(_work, slot, function, given)
            except BrokenProcessPool:
                self._pool = None
                future = self._started().submit(_work, slot, function, given)

        def ended(done: Future[Any]) -> None:
            if done.cancelled() or self._closed:
                return
            error = done.exception()
            try:
                if error is None:
                    then(done.result())
                else:
                    failed(_failure(error))
            except Exception:
                if not self._closed:  # else the server ends meanwhile: what comes of it is found again later
                    raise

        future.add_done_callback(ended)
        return Job(slot, self._shares)

    def close(self) -> None:
        """Ends the workers, whatever they do; each leaves through its `finally` blocks."""
        self._closed = True
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(GRACE_S)
            if process.is_alive():
                process.kill()

    def _started(self) -> ProcessPoolExecutor:
        if self._closed:
            raise RuntimeError("the workers were ended")
        if self._pool is None:
            with _deaf_children():
                self._pool = ProcessPoolExecutor(self._count, self._context, _begin, (self._shares,))
        return self._pool


def _failure(error: BaseException) -> Failure:
    if isinstance(error, BrokenProcessPool):
        return Failure("the process that simulates died", "it may be out of memory; try again")
    if isinstance(error, UserError):
        sys.stderr.write(f"{error}\n")
        return Failure("this cannot be worked out here", "the server's output says why")
    sys.stderr.write("".join(traceback.format_exception(error)))
    return Failure("this could not be worked out", "the server's output says why; try again")


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C: the server, which hears it, ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# The worker process. What follows runs there; the globals are its own.

_shares: Any


def _begin(shares: Any) -> None:
    global _shares  # noqa: PLW0603  # an initializer has nowhere else to leave what the jobs need
    _shares = shares
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    leave_when_asked()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _work(slot: int, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    def progress(_: str, share: float) -> None:
        _shares[slot] = share

    return at_work(lambda: function(*given, progress))
