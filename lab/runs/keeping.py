"""Keeps a campaign's results while it runs, so that what was finished is not done again after a kill.

What came of a job is on disk before its verdict is printed. What cannot be kept, as on a full disk, costs no verdict.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lab import __version__
from lab.errors import Problem, UserError
from lab.files.fileio import reason
from lab.runs.campaign import Job, JobResult
from lab.runs.dataset import ABOUT, WHOLE, About, Part, compact, place, read_parts, settle, write_about, write_part

_LOCK = ".lock"


@dataclass
class Keeper:
    """The results of one campaign on disk.

    `finished`: what came of the jobs that an earlier start of the same campaign finished, by their numbers.
    `unkept`: why nothing more is kept; empty while all is.
    """

    id: str
    root: Path
    numbers: Mapping[tuple[str, int], int]
    """Of the jobs, by scenario and seed."""
    keys: Sequence[str]
    """Of the jobs' recordings."""
    unkept: str = ""
    finished: Mapping[int, JobResult] = field(default_factory=dict)
    is_begun: bool = False
    """Whether anything is kept, so that the campaign can go on from there."""

    @property
    def directory(self) -> Path:
        return place(self.root, self.id)

    def add(self, result: JobResult) -> None:
        """Keeps what came of a job."""
        part = self._part(result)

        def write() -> None:
            if not self.finished:  # an earlier campaign of the same id is being replaced
                (self.directory / WHOLE).unlink(missing_ok=True)
            write_part(self.directory / f"{part.key[:16]}.parquet", [part], self.root)
            self.is_begun = True

        self._try(write)

    def conclude(self, results: Sequence[JobResult]) -> None:
        """Makes one file of all results, which are in the order of the jobs, where every job has one."""
        if len(results) == len(self.keys):
            parts = [self._part(result) for result in results]
            self._try(lambda: compact(self.directory, parts, self.root))

    def _part(self, result: JobResult) -> Part:
        return Part(self.keys[self.numbers[result.scenario, result.seed]], result)

    def _try(self, action: Callable[[], None]) -> None:
        if self.unkept:
            return
        try:
            action()
        except OSError as error:
            self.unkept = f"{self.directory}: {reason(error)}"


@contextmanager
def keeping(
    campaign: str, jobs: Sequence[Job], keys: Sequence[str], root: Path, command: str, *,
    resume: bool, with_recordings: bool,
) -> Iterator[Keeper]:  # fmt: skip
    """Keeps the results of a campaign under a runs directory; nobody else writes them meanwhile.

    `resume` takes the jobs that were finished before: those with verdicts, and `with_recordings` only those whose
    recordings are still there. UserError where another lab is running the same campaign, which is then to be waited
    for; without `resume` the results are only not kept, as the other keeps the same.
    """
    numbers = {(job.loaded.name, job.seed): number for number, job in enumerate(jobs)}
    keeper = Keeper(campaign, root, numbers, keys)
    lock = None
    try:
        try:
            keeper.directory.mkdir(parents=True, exist_ok=True)
            lock = _locked(keeper.directory)
            if lock is None:
                keeper.unkept = f"another lab is running this campaign ({campaign}) here, and keeps them"
            else:
                _begin(keeper, jobs, command, resume=resume)
        except OSError as error:
            keeper.unkept = f"{keeper.directory}: {reason(error)}"
        if lock is None and resume and keeper.directory.is_dir():
            hint = "wait until it has ended; what it finished is taken then"
            raise UserError(Problem("another lab is running this campaign", str(keeper.directory), hint=hint))
        if resume:
            keeper.finished = _finished(keeper, with_recordings)
            keeper.is_begun = bool(keeper.finished)
        yield keeper
    finally:
        if lock is not None:
            os.close(lock)


def _begin(keeper: Keeper, jobs: Sequence[Job], command: str, *, resume: bool) -> None:
    settle(keeper.directory)
    if resume and (keeper.directory / ABOUT).is_file():
        return
    engines = tuple(dict.fromkeys(engine for job in jobs for engine in job.engines))
    began = datetime.now(UTC).isoformat(timespec="seconds")
    write_about(keeper.directory, About(keeper.id, command, len(jobs), engines, began, __version__))


def _finished(keeper: Keeper, with_recordings: bool) -> dict[int, JobResult]:
    """A job that came to no verdict is done again: its disk may have been full."""
    kept = read_parts(keeper.directory, keeper.root)
    found = {}
    for number, key in enumerate(keeper.keys):
        part = kept.get(key)
        result = None if part is None or part.result.problem else part.result
        if result is not None and (not with_recordings or Path(result.path).is_dir()):
            found[number] = result
    return found


def _locked(directory: Path) -> int | None:
    """A lock on a campaign that ends with this process at the latest; None where another process has it.

    On a file system without locks there is nothing to hold, and nobody else is noticed.
    """
    handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        pass
    return handle
