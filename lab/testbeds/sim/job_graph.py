"""Jobs that have more of a schedule than a period: they start late, wait for others, time out and are tried again.

A scheduler's state, and nothing of the testbed, which its methods are given: a copy goes on by itself on another one.
Times are testbed ns. A run belongs to the period in which it is due, whenever it starts.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Protocol

from lab.clock import NS, to_ns
from lab.recording.entries import LogArgument
from lab.recording.status import NAMES, OK, TIMEOUT
from lab.systems.topology import Component, System
from lab.testbeds.sim.control import Turn
from lab.testbeds.sim.job_metrics import RETRIES, RUN_DELAY, RUN_DURATION, SKIPPED

_NEVER = -1


class Runner(Protocol):
    """What runs the attempts of jobs."""

    def may_run(self, job: str) -> bool:
        """Whether nothing keeps a job from running."""

    def start_attempt(self, job: str, number: int, now_ns: int) -> None:
        """Starts an attempt of a job's run, whose end `JobGraph.go_on_with` is told."""

    def end_attempt(self, job: str, now_ns: int) -> None:
        """Ends the attempt that is under way, as where its process is killed."""

    def look_later(self, job: str, turn: Turn, number: int, at_ns: int) -> None:
        """Has `JobGraph.go_on_with` called at a time."""

    def log_job(self, job: str, event: str, attempt: int | None, now_ns: int, *facts: LogArgument) -> None:
        """Has a job write a log line about an attempt, or about none."""

    def note_job(self, job: str, metric: str, value: float, now_ns: int) -> None:
        """Takes what is measured of a job, see `lab.testbeds.sim.job_metrics`."""


@dataclass(slots=True)
class _Run:
    """A run that is not over. `attempt`: the one under way or the next, from 0; `ends_ns`: its period does."""

    number: int
    begins_ns: int
    due_ns: int
    ends_ns: int
    attempt: int = 0
    is_waiting: bool = True
    started_ns: int = _NEVER


@dataclass(slots=True)
class _Job:
    """A job: what its file says, and its run that is not over."""

    spec: Component
    needed_by: tuple[str, ...]
    run: _Run | None = None
    good_ns: int = _NEVER
    """When the last period began in which it succeeded."""

    def attempt_number(self, run: _Run) -> int:
        """The number of a run's attempt among all of the job."""
        return run.number * (self.spec.retries + 1) + run.attempt


@dataclass(slots=True)
class JobGraph:
    """The scheduled jobs of a system by name, in the order of its file."""

    jobs: dict[str, _Job] = field(default_factory=dict)

    @classmethod
    def of(cls, system: System) -> JobGraph:
        """That of a system at rest."""
        specs = system.scheduled_jobs
        needed_by = {job: tuple(name for name, spec in specs.items() if job in spec.needs) for job in specs}
        return cls({name: _Job(spec, needed_by[name]) for name, spec in specs.items()})

    def branch(self) -> JobGraph:
        """A copy that goes on by itself."""
        other = JobGraph({name: copy.copy(job) for name, job in self.jobs.items()})
        for job in other.jobs.values():
            job.run = copy.copy(job.run)
        return other

    def due(self, runner: Runner, name: str, number: int, due_ns: int, period_ns: int, now_ns: int) -> None:
        """A run is due, or was and was held up until now."""
        job = self.jobs[name]
        if job.run is not None:
            self._skip(runner, name, "its last run is not over", now_ns)
            return
        if not runner.may_run(name):
            return
        begins_ns = due_ns - to_ns(job.spec.starts_s)
        job.run = _Run(number, begins_ns, due_ns, begins_ns + period_ns)
        if self._missing(job.run, job):
            # The last moment of its period, so that it counts there.
            runner.look_later(name, "given up", number, max(now_ns, job.run.ends_ns - 1))
        else:
            self._start(runner, name, now_ns)

    def go_on_with(self, runner: Runner, name: str, turn: Turn, number: int, status: int, now_ns: int) -> None:
        """Does what is due of a run or an attempt; nothing where that is over. `status`: of an attempt that ended."""
        job = self.jobs[name]
        run = job.run
        if run is None:
            return
        if turn == "given up":
            if run.is_waiting and run.number == number:
                job.run = None
                missing = ", ".join(self._missing(run, job))
                self._skip(runner, name, f"{missing} did not succeed in its period", now_ns)
        elif job.attempt_number(run) != number:
            return
        elif turn == "tried again":
            self._start(runner, name, now_ns)
        elif turn == "ended":
            self._ended(runner, name, run, status, now_ns)
        elif run.started_ns >= 0:
            number = job.attempt_number(run)
            runner.end_attempt(name, now_ns)
            runner.log_job(name, "job_timeout", number, now_ns, job.spec.timeout_s or 0.0)
            self._ended(runner, name, run, TIMEOUT, now_ns)

    def _ended(self, runner: Runner, name: str, run: _Run, status: int, now_ns: int) -> None:
        """An attempt has ended: who needs it may begin, or it is tried again."""
        job = self.jobs[name]
        number = job.attempt_number(run)
        runner.note_job(name, RUN_DURATION, (now_ns - run.started_ns) / NS, now_ns)
        run.started_ns = _NEVER
        again_ns = now_ns + to_ns(job.spec.backoff_s)
        if status == OK:
            job.run, job.good_ns = None, run.begins_ns
            for other in job.needed_by:
                self._begin_if_ready(runner, other, now_ns)
        elif run.attempt < job.spec.retries and again_ns < run.ends_ns:
            run.attempt += 1
            runner.note_job(name, RETRIES, 1.0, now_ns)
            runner.log_job(name, "job_retry", number, now_ns, NAMES[status], run.attempt, job.spec.retries)
            runner.look_later(name, "tried again", job.attempt_number(run), again_ns)
        else:
            job.run = None

    @staticmethod
    def _skip(runner: Runner, name: str, why: str, now_ns: int) -> None:
        runner.note_job(name, SKIPPED, 1.0, now_ns)
        runner.log_job(name, "job_skipped", None, now_ns, why)

    def _missing(self, run: _Run, job: _Job) -> list[str]:
        """The jobs that a run needs and that have not succeeded since its period began."""
        return [need for need in job.spec.needs if self.jobs[need].good_ns < run.begins_ns]

    def _begin_if_ready(self, runner: Runner, name: str, now_ns: int) -> None:
        job = self.jobs[name]
        if job.run is not None and job.run.is_waiting and not self._missing(job.run, job):
            self._start(runner, name, now_ns)

    def _start(self, runner: Runner, name: str, now_ns: int) -> None:
        job = self.jobs[name]
        run = job.run
        assert run is not None, "whoever starts it has seen it"
        run.is_waiting = False
        if not runner.may_run(name):
            job.run = None
            return
        if run.attempt == 0:
            runner.note_job(name, RUN_DELAY, (now_ns - run.due_ns) / NS, now_ns)
        run.started_ns = now_ns
        number = job.attempt_number(run)
        runner.start_attempt(name, number, now_ns)
        if job.spec.timeout_s is not None:
            runner.look_later(name, "timed out", number, now_ns + to_ns(job.spec.timeout_s))
