"""`lab diagnose`: asks engines about recordings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab import __version__
from lab.cli.console import GivenPath, engines_option, json_option
from lab.cli.engine_options import EngineLimits, engine_limits_options
from lab.cli.over_time import Times, time_options
from lab.systems.calendar import Calendar, told_time

if TYPE_CHECKING:
    from rich.console import Console

    from lab.contracts import Finding
    from lab.errors import Problem
    from lab.judging.assess import Answer
    from lab.recording.rundir import RunDirectory

MAX_FINDINGS = 5

_EPILOG = """\b
Examples:
  lab diagnose runs/deploy-stale-cache/11-3f2a9c01
  lab diagnose runs --engine loudest-anomaly
  lab diagnose runs --engine 'cmd:python my_engine.py' --json

\b
What would they have answered at that time? From when on was the answer always right?
  lab diagnose --at 215s runs/deploy-stale-cache/11-3f2a9c01
  lab diagnose --every 30s runs/deploy-stale-cache/11-3f2a9c01
  lab diagnose --every 30s --keep runs --engine rules --engine loudest-anomaly

\b
A time has a unit and counts from the start of the load. The engine does not see what became visible later.
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="RUN...", nargs=-1, required=True, type=GivenPath())
@time_options
@engines_option
@engine_limits_options
@json_option
def command(
    *, targets: tuple[Path, ...], times: Times, engines: tuple[str, ...], limits: EngineLimits, as_json: bool
) -> int:  # fmt: skip
    """Ask engines what is wrong in recordings.

    RUN is a run directory, or a directory of them such as runs. The answer is kept with the recording; engines see
    what could be observed and never the truth. With --at or --every they see what was visible at that time, and
    nothing is kept unless --keep asks for it. Ends with 1 if an engine gave no answer.
    """
    from lab.cli.console import show_problem, stdout, write_json
    from lab.cli.outputs import warn_unkept
    from lab.cli.progress import Progress
    from lab.cli.selection import checked_engines, open_runs
    from lab.contracts import EngineFailure
    from lab.engines.host import EngineHost
    from lab.engines.trying import try_engines
    from lab.errors import ExitCode, worst
    from lab.judging.assess import diagnose

    times.check()
    asked = checked_engines(engines)
    runs, problems = open_runs(targets)
    if times.given:
        return _over_time(runs, problems, times, asked, limits, as_json)
    answers: list[tuple[RunDirectory, str, Answer]] = []
    options = limits.for_runs(runs)
    try_engines(asked if runs else (), options)
    with Progress(len(runs)) as progress, EngineHost(options) as host:
        for number, run in enumerate(runs):
            progress.tick(number / len(runs), number)
            for engine in asked:
                answers.append((run, engine, diagnose(run, engine, host)))
    failed = any(isinstance(answer.content, EngineFailure) for _, _, answer in answers)
    code = worst([ExitCode.FAILED] * failed + [ExitCode.INVALID] * bool(problems))
    if as_json:
        summary = {"problems": [asdict(problem) for problem in problems], "exit_code": int(code)}
        diagnoses = [_json(*answer) for answer in answers]
        write_json({"schema_version": 1, "lab_version": __version__, "diagnoses": diagnoses, **summary})
    else:
        console = stdout()
        for answered in answers:
            _print(console, *answered)
    warn_unkept([answer.unkept for _, _, answer in answers if answer.unkept])
    for problem in problems:
        show_problem(problem)
    return code


def _over_time(
    runs: list[RunDirectory], problems: list[Problem], times: Times, asked: tuple[str, ...], limits: EngineLimits,
    as_json: bool,
) -> int:  # fmt: skip
    from lab.cli.console import show_problem, stdout, write_json
    from lab.cli.outputs import warn_unkept
    from lab.cli.over_time import diagnose_runs, keep, over_time_json, print_over_time
    from lab.cli.progress import Progress
    from lab.contracts import EngineFailure
    from lab.engines.host import EngineHost
    from lab.engines.trying import try_engines
    from lab.errors import ExitCode, worst

    options = limits.for_runs(runs)
    try_engines(asked if runs else (), options)
    with Progress(len(runs)) as progress, EngineHost(options) as host:
        found, refused = diagnose_runs(runs, asked, times, host, progress.tick)
    problems = problems + refused
    failed = any(isinstance(then.answer.content, EngineFailure) for one in found for then in one.answers)
    code = worst([ExitCode.FAILED] * failed + [ExitCode.INVALID] * bool(problems))
    if as_json:
        summary = {"problems": [asdict(problem) for problem in problems], "exit_code": int(code)}
        answers = [over_time_json(one) for one in found]
        write_json({"schema_version": 1, "lab_version": __version__, "over_time": answers, **summary})
    else:
        console = stdout()
        for one in found:
            if one.over_time is not None:
                print_over_time(console, one)
                continue
            for then in one.answers:
                _print(console, one.run, one.engine, then.answer, f"  at {told_time(then.at_s, one.run.calendar)}")
    warn_unkept(keep(found) if times.keep else [])
    for problem in problems:
        show_problem(problem)
    return code


def _json(run: RunDirectory, engine: str, answer: Answer) -> dict[str, Any]:
    from lab.runs.cases import answer_json

    return {
        "path": str(run.path),
        "scenario": run.scenario,
        "seed": run.seed,
        "engine": engine,
        "observability": run.observability,
        **answer_json(answer.content, answer.isolation),
    }


def _print(console: Console, run: RunDirectory, engine: str, answered: Answer, when: str = "") -> None:
    from lab.cli.texts import not_judged_texts
    from lab.contracts import EngineFailure, Verdict

    answer = answered.content
    console.print(f"{run.path}  {engine}{when}  (isolation: {answered.isolation.by})", style="bold", soft_wrap=True)
    if isinstance(answer, EngineFailure):
        console.print(f"  no answer: {answer.reason}", soft_wrap=True)
        return
    meanings = {
        Verdict.FAULT: "something is wrong",
        Verdict.HEALTHY: "nothing is wrong",
        Verdict.UNSURE: "unsure whether something is wrong",
    }
    console.print(f"  {answer.verdict}: {meanings[answer.verdict]}")
    for rank, finding in enumerate(answer.findings[:MAX_FINDINGS], 1):
        console.print(_finding_text(rank, finding, run.calendar), soft_wrap=True)
    if len(answer.findings) > MAX_FINDINGS:
        console.print(f"  and {len(answer.findings) - MAX_FINDINGS} more findings")
    for line in not_judged_texts(answer):
        console.print(f"  could not judge {line}", soft_wrap=True)


def _finding_text(rank: int, finding: Finding, calendar: Calendar | None) -> str:
    from lab.cli.texts import columns, evidence_text, finding_text

    rows = [("evidence", evidence_text(evidence)) for evidence in finding.evidence]
    rows += [("why", why) for why in finding.why]
    return "\n".join(filter(None, (f"  {rank}. {finding_text(finding, calendar)}", columns(rows, indent=5))))
