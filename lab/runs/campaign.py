"""Campaigns: scenarios × seeds × engines as jobs, their results, metrics and exit code."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.contracts import Diagnosis, Outcome, Verdict
from lab.errors import ExitCode, InconclusiveRunError, LabError, RunAbortedError, worst
from lab.files.fileio import reason
from lab.judging.assess import Assessment, assess
from lab.judging.grading import BLAMING, METRIC_GRADERS, metric_graders
from lab.judging.statistics import CaseId, RateSummary, Score, summarise
from lab.recording.keeping import is_no_room
from lab.recording.rundir import COMPLETE
from lab.registration.failures import failed_world
from lab.runs.memory import freed
from lab.runs.suite import (
    DEGRADED_MISSED_RATIO,
    INCONCLUSIVE_RATIO,
    UNANSWERED_RATIO,
    Threshold,
    metric_names,
    with_default,
)
from lab.testbeds.driver import Progress, silent
from lab.testbeds.installed import Chosen, choose

if TYPE_CHECKING:
    from lab.engines.host import EngineHost
    from lab.recording.rundir import RunDirectory
    from lab.scenario import LoadedScenario

Metrics = dict[str, dict[str, RateSummary]]
"""Summaries by engine and metric, engines in the order in which they were asked."""


@dataclass(frozen=True)
class Job:
    """One recording to make, and the engines to ask about it. `fresh`: make it although it is there already."""

    loaded: LoadedScenario
    seed: int
    engines: tuple[str, ...]
    testbed: Chosen = field(default_factory=choose)
    fresh: bool = False
    report: bool = False
    """Whether the run keeps a page of its own."""


@dataclass(frozen=True)
class JobResult:
    """What came of a job. `problem` says why there is nothing to grade; `code` is OK without one.

    `reused`: the recording was there already.
    """

    scenario: str
    seed: int
    path: str = ""
    assessments: tuple[Assessment, ...] = ()
    problem: str = ""
    code: ExitCode = ExitCode.OK
    trace: str = ""
    reused: bool = False
    unreported: str = ""
    """Why the run has no page of its own, where it was to have one: the verdict holds all the same."""
    elsewhere: str = ""
    """Why the recording is kept elsewhere than asked for; empty where it is not."""

    @property
    def is_inconclusive(self) -> bool:
        """Whether the run cannot be graded because of the machine, so that a further run may help."""
        return self.code is ExitCode.INCONCLUSIVE


@dataclass(frozen=True)
class ThresholdResult:
    """A threshold held against one engine. `holds` is None where nothing could be judged: never taken for success."""

    threshold: Threshold
    engine: str
    measured: RateSummary | None
    holds: bool | None


@dataclass(frozen=True)
class Campaign:
    """What a campaign came to: each job's result, every engine's metrics, the thresholds held against them."""

    results: tuple[JobResult, ...]
    metrics: Metrics
    thresholds: tuple[ThresholdResult, ...] = ()

    @property
    def cases(self) -> list[Assessment]:
        """All graded cases in the order of the jobs."""
        return [case for result in self.results for case in result.assessments]

    @property
    def exit_code(self) -> ExitCode:
        """By the thresholds where there are any, else by the cases; trouble in running outranks both."""
        of_cases = [] if self.thresholds else [_CASE_CODES[case.outcome] for case in self.cases]
        return worst([*self.codes_besides_cases, *of_cases])

    @property
    def codes_besides_cases(self) -> list[ExitCode]:
        """Those of trouble in running, and of the thresholds."""
        held = {True: ExitCode.OK, False: ExitCode.FAILED, None: ExitCode.INCONCLUSIVE}
        return [result.code for result in self.results] + [held[result.holds] for result in self.thresholds]


_CASE_CODES = {
    Outcome.PASS: ExitCode.OK,
    Outcome.FAIL: ExitCode.FAILED,
    Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def conclude(
    results: Sequence[JobResult], thresholds: Iterable[Threshold] = (), engines: Sequence[str] = ()
) -> Campaign:
    """Sums up results; thresholds that name no engine are held against each of `engines`.

    Where there are thresholds and none is about unanswered cases, none may be unanswered.
    """
    measured = metrics([case for result in results for case in result.assessments])
    limits = with_default(thresholds)
    return Campaign(tuple(results), measured, tuple(check_thresholds(limits, measured, engines)))


def check_gradable(run: RunDirectory) -> None:
    """RunAbortedError for a run that its own stop conditions ended: half an incident is not graded.

    InconclusiveRunError for one that the machine disturbed: it counts neither for nor against an engine.
    """
    if run.inconclusive_because:
        raise InconclusiveRunError(f"{run.path}: inconclusive: {run.inconclusive_because}. Run it again.")
    if run.status != COMPLETE:
        raise RunAbortedError(f"{run.path}: the run did not complete ({run.status}); it is not graded")


@contextmanager
def recorded(job: Job, root: Path, progress: Progress = silent) -> Iterator[tuple[RunDirectory, bool]]:
    """A job's recording, and whether it existed already; no other lab replaces it meanwhile."""
    from lab.recording.holding import held
    from lab.runs.runner import reusable, run_path, run_scenario

    run = (job.loaded, job.seed, root, job.testbed)
    with held(run_path(*run)):
        there = None if job.fresh else reusable(*run)
        yield there or run_scenario(*run, progress), there is not None


def run_job(job: Job, root: Path, host: EngineHost, progress: Progress = silent, *, keep: bool = True) -> JobResult:
    """Runs, asks and grades. Whatever goes wrong is this job's result, so that one case never costs the others.

    `keep=False` deletes the recording after grading.
    """
    with freed():
        result = _run_job(job, root, host, progress, keep)
    return result if keep else _unkept(result)


def _run_job(job: Job, root: Path, host: EngineHost, progress: Progress, keep: bool) -> JobResult:
    run: RunDirectory | None = None
    try:
        with recorded(job, root, progress) as (run, reused):
            result = _judged(job, run, host, reused)
            if keep and job.report:
                result = replace(result, unreported=_report(run, job.engines))
            return replace(result, elsewhere=run.elsewhere)
    except Exception as error:
        remedy = "free space there, or " + ("choose another --runs-dir" if keep else "set TMPDIR")
        return failed_job(job, str(run.path) if run else "", error, root.absolute(), remedy)
    finally:
        if run is not None and not keep:
            shutil.rmtree(run.path, ignore_errors=True)


def _unkept(result: JobResult) -> JobResult:
    """The same without the path of its recording, which is deleted: it would tell of this machine only."""
    cases = tuple(replace(case, path="") for case in result.assessments)
    return replace(result, path="", assessments=cases, problem=result.problem.removeprefix(f"{result.path}: "))


def _judged(job: Job, run: RunDirectory, host: EngineHost, reused: bool) -> JobResult:
    try:
        check_gradable(run)
        graded = tuple(replace(assess(run, engine, host), scenario=job.loaded.name) for engine in job.engines)
    except Exception as error:
        return failed_job(job, str(run.path), error, tempfile.gettempdir(), "free space there, or set TMPDIR")
    return JobResult(job.loaded.name, job.seed, str(run.path), graded, reused=reused)


def failed_job(job: Job, path: str, error: Exception, place: Path | str, remedy: str) -> JobResult:
    """The result of a job that an error ended; `place` and `remedy` are for one that says that there is no room."""
    code = error.exit_code if isinstance(error, LabError) else ExitCode.INTERNAL
    message = str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and is_no_room(error):
        message = f"no room to write below {place}: {message}; {remedy}"
    if not isinstance(error, LabError | OSError):  # a full disk is not the lab's mistake
        who = failed_world(error)
        message = f"{who} failed: {message}" if who else f"internal error: {message}"
    trace = "".join(traceback.format_exception(error))
    return JobResult(job.loaded.name, job.seed, path, (), message, code, trace)


def _report(run: RunDirectory, engines: Sequence[str]) -> str:
    """Writes the run's own page while its signals are at hand; why that did not work, or nothing."""
    from lab.report import write_run_report

    try:
        write_run_report(run, engines)
    except Exception as error:
        return reason(error) if isinstance(error, OSError) else f"internal error: {type(error).__name__}: {error}"
    return ""


def engines_of(cases: Iterable[Assessment]) -> list[str]:
    """The engines of some cases, in order of appearance."""
    return list(dict.fromkeys(case.engine for case in cases))


def metrics(cases: Sequence[Assessment]) -> Metrics:
    """Every metric of every engine.

    A metric over faults is the mean of its grader's value over fault cases that showed; an engine that failed or was
    unsure is a case of value 0. False alarms are counted on controls, blamed decoys where there are any, and the
    metric of a plug-in grader wherever it gave a grade. Unanswered cases are in every denominator, blame nothing, and
    have a metric of their own.
    """
    found: Metrics = {}
    names = metric_names()
    for engine in engines_of(cases):
        own = [case for case in cases if case.engine == engine]
        found[engine] = {metric: summarise(scores(own, metric)) for metric in names}
    return found


def scores(cases: Iterable[Assessment], metric: str) -> list[Score]:
    """One metric's value for every case it applies to; None where the case is inconclusive."""
    if metric == INCONCLUSIVE_RATIO:
        return [
            Score(case.scenario, case.seed, 0.0 if any(f.witnessed for f in case.truth.faults) else 1.0)
            for case in cases
            if not case.truth.is_control
        ]
    if metric == UNANSWERED_RATIO:
        return [Score(case.scenario, case.seed, float(case.unanswered)) for case in cases]
    if metric == DEGRADED_MISSED_RATIO:
        degraded = [case for case in cases if case.truth.degraded is not None]
        return [Score(c.scenario, c.seed, float(_says_healthy(c))) for c in degraded]
    grader, complement = METRIC_GRADERS.get(metric) or metric_graders()[metric]
    found = []
    for case in cases:
        grade = case.axis(grader)
        if grade is not None:
            value = 1 - grade.value if complement and grade.value is not None else grade.value
            value = 0.0 if metric in BLAMING and value is not None and not case.blames else value
            found.append(Score(case.scenario, case.seed, value))
    return found


def _says_healthy(case: Assessment) -> bool:
    return isinstance(case.answer, Diagnosis) and case.answer.verdict is Verdict.HEALTHY


def tally(cases: Iterable[Assessment]) -> dict[str, dict[str, dict[Outcome, int]]]:
    """Verdicts counted by scenario and engine."""
    counts: dict[str, dict[str, dict[Outcome, int]]] = {}
    for case in cases:
        slot = counts.setdefault(case.scenario, {}).setdefault(case.engine, dict.fromkeys(Outcome, 0))
        slot[case.outcome] += 1
    return counts


def verdicts(cases: Iterable[Assessment], engine: str) -> dict[CaseId, bool | None]:
    """An engine's cases as pairs for a comparison: True passed, False failed, None inconclusive."""
    held = {Outcome.PASS: True, Outcome.FAIL: False, Outcome.INCONCLUSIVE: None}
    return {(case.scenario, case.seed): held[case.outcome] for case in cases if case.engine == engine}


def check_thresholds(
    thresholds: Iterable[Threshold], measured: Metrics, engines: Sequence[str]
) -> list[ThresholdResult]:
    """Holds each threshold against its engine, or against each of `engines` where it names none."""
    results = []
    for threshold in thresholds:
        for engine in [threshold.engine] if threshold.engine else engines:
            summary = measured.get(engine, {}).get(threshold.metric)
            value = None if summary is None else summary.value
            holds = None if value is None else threshold.holds(value)
            results.append(ThresholdResult(threshold, engine, summary, holds))
    return results
