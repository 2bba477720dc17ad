"""Runs a campaign's jobs, in this process or in several, so that an interrupt leaves no process and no half recording.

Worker processes do not see Ctrl-C or a closed terminal: this process does, and stops them with SIGTERM, which each
answers by leaving its job through every `finally`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.resource_tracker
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.errors import RunAbortedError
from lab.runs.campaign import Job, JobResult, run_job
from lab.runs.leaving import at_work, leave_when_asked
from lab.runs.order import starting_order

Tick = Callable[[float, int], None]
"""tick(share of all work done, jobs finished)"""

OnResult = Callable[[JobResult], object]
"""on_result(what came of a job), called in the order in which jobs finish"""

TICK_S = 0.2
GRACE_S = 10.0
"""How long a worker may take to leave its job before it is killed."""
LEFTOVER_AGE_S = 600.0
"""A staging directory this old belongs to no running lab: writing a recording takes seconds."""


def default_workers() -> int:
    """One process per CPU this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job],
    root: Path,
    watch: Watch,
    *,
    workers: int,
    keep: bool = True,
    engines: EngineOptions | None = None,
) -> list[JobResult]:
    """The results in the order of the jobs, whichever finished first.

    On a testbed that is not shared one job runs at a time, in this process. No further job is started once it is time
    to stop; those under way are finished, and the others have no result. RunAbortedError when a worker process dies
    under a job.
    """
    # Jobs are what runs in parallel; numerical libraries that start a thread per CPU in each only get in the way.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    clear_leftovers(root)
    alone = any(not job.testbed.driver.is_shared for job in jobs)
    workers = 1 if alone else min(workers, len(jobs))
    settings = _Settings(root, keep, engines or EngineOptions(hidden=(root.resolve(),)))
    return _here(jobs, settings, watch) if workers <= 1 else _in_pool(jobs, settings, workers, watch)


@dataclass(frozen=True)
class _Settings:
    """What all jobs share: where recordings go, whether they are kept, how engines are asked."""

    root: Path
    keep: bool
    engines: EngineOptions


@dataclass(frozen=True)
class Watch:
    """Callbacks of a campaign: for its events, and whether no further job is to be started."""

    tick: Tick = lambda *_: None
    on_result: OnResult = lambda _: None
    stop: Callable[[], bool] = lambda: False


def leftovers(root: Path) -> list[Path]:
    """Staging directories under a runs directory: of a lab that is writing now, or of one that was killed."""
    return sorted(path for suffix in ("tmp", "old") for path in root.glob(f"*/.*.{suffix}") if path.is_dir())


def clear_leftovers(root: Path) -> None:
    """Deletes staging directories under a runs directory that belong to no running lab."""
    for old in leftovers(root):
        if time.time() - old.stat().st_mtime > LEFTOVER_AGE_S:
            shutil.rmtree(old, ignore_errors=True)


def _here(jobs: Sequence[Job], settings: _Settings, watch: Watch) -> list[JobResult]:
    results: list[JobResult] = []
    with EngineHost(settings.engines) as host:
        for job in jobs:
            if watch.stop():
                break

            def progress(_: str, share: float) -> None:
                watch.tick((len(results) + share) / len(jobs), len(results))

            results.append(run_job(job, settings.root, host, progress, keep=settings.keep))
            watch.on_result(results[-1])
            watch.tick(len(results) / len(jobs), len(results))
    return results


def _in_pool(jobs: Sequence[Job], settings: _Settings, workers: int, watch: Watch) -> list[JobResult]:
    context = multiprocessing.get_context("spawn")
    with _deaf_children():
        multiprocessing.resource_tracker.ensure_running()  # it goes last, after those whose resources it tracks
    shares = context.RawArray("d", len(jobs))
    executor = ProcessPoolExecutor(workers, context, _start_worker, (shares, settings))
    waiting = deque((number, jobs[number]) for number in starting_order(jobs))
    pending: dict[Future[JobResult], int] = {}
    # Not `concurrent.futures.wait`: a signal in its middle may leave a future locked, and then the pool never ends.
    finished: SimpleQueue[Future[JobResult]] = SimpleQueue()
    results: dict[int, JobResult] = {}
    try:
        while True:
            # A job is handed over when a worker is free for it: what was handed over cannot be stopped any more.
            while waiting and len(pending) < workers and not watch.stop():
                number, job = waiting.popleft()
                with _deaf_children():
                    future = executor.submit(_work, number, job)
                    future.add_done_callback(finished.put)
                pending[future] = number
            if not pending:
                return [results[number] for number in sorted(results)]
            try:
                future = finished.get(timeout=TICK_S)
            except Empty:
                pass
            else:
                number = pending.pop(future)
                results[number] = future.result()
                watch.on_result(results[number])
            watch.tick(sum(shares) / len(jobs), len(results))
    except BrokenProcessPool as error:
        raise RunAbortedError("a worker process died (killed, or out of memory); try --jobs 1") from error
    except BaseException:
        _stop_children()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started inside inherit these signals blocked; one that comes meanwhile is delivered here afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_children() -> None:
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    deadline_s = time.monotonic() + GRACE_S
    for child in children:
        child.join(max(0.0, deadline_s - time.monotonic()))
        if child.is_alive():
            child.kill()


# The worker process. What follows runs there; the globals are its own.

_host: EngineHost | None = None
_settings: _Settings
_shares: Any


def _start_worker(shares: Any, settings: _Settings) -> None:
    global _host, _settings, _shares  # noqa: PLW0603  # an initializer has nowhere else to leave what the tasks need
    _settings, _shares = settings, shares
    _host = EngineHost(settings.engines)
    leave_when_asked(_close_host)
    at_work(_host.__enter__)
    # Leaves the host at the normal end of the process; processes of this kind don't run atexit handlers everywhere.
    multiprocessing.util.Finalize(None, _close_host, exitpriority=10)


def _close_host() -> None:
    if _host is not None:
        _host.__exit__(None, None, None)


def _work(number: int, job: Job) -> JobResult:
    host = _host
    assert host is not None

    def progress(_: str, share: float) -> None:
        _shares[number] = share

    result = at_work(lambda: run_job(job, _settings.root, host, progress, keep=_settings.keep))
    _shares[number] = 1.0
    return result
