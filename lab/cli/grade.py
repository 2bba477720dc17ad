"""`lab grade`: grades answers that are kept with recordings."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab import __version__
from lab.cli.console import GivenPath, engines_option, json_option
from lab.cli.engine_options import EngineLimits, engine_limits_options

if TYPE_CHECKING:
    from rich.console import Console

    from lab.engines.host import EngineHost
    from lab.judging.assess import Assessment
    from lab.recording.rundir import RunDirectory
    from lab.runs.campaign import JobResult

_EPILOG = """\b
Examples:
  lab grade runs
  lab grade runs/deploy-stale-cache/11-3f2a9c01 --engine rules --json
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="RUN...", nargs=-1, required=True, type=GivenPath())
@engines_option
@engine_limits_options
@json_option
def command(*, targets: tuple[Path, ...], engines: tuple[str, ...], limits: EngineLimits, as_json: bool) -> int:
    """Grade the answers kept with recordings.

    RUN is a run directory, or a directory of them such as runs. Every engine that was asked is graded unless
    --engine names some; an engine that was not asked yet is asked first.
    """
    from lab.cli.console import show_problem, stdout, write_json
    from lab.cli.outputs import warn_unkept
    from lab.cli.progress import Progress
    from lab.cli.reports import refresh_pages
    from lab.cli.results import campaign_json, print_numbers
    from lab.cli.selection import checked_engines, open_runs
    from lab.cli.verdicts import print_cases
    from lab.engines.host import EngineHost
    from lab.engines.trying import try_engines
    from lab.errors import ExitCode, UserError, worst
    from lab.runs.campaign import conclude
    from lab.scenario.naming import namesakes, told_apart

    runs, problems = open_runs(targets)
    # What is kept with every recording need not be there to be asked: people's answers are graded too.
    left = [engine for engine in engines if not runs or any(run.diagnosis(engine) is None for run in runs)]
    checked_engines(left, ())
    chosen = tuple(dict.fromkeys(engines))
    results = []
    shared = namesakes((run.system, run.scenario) for run in runs)
    options = limits.for_runs(runs)
    try_engines([engine for engine in chosen if any(run.diagnosis(engine) is None for run in runs)], options)
    with Progress(len(runs)) as progress, EngineHost(options) as host:
        for number, run in enumerate(runs):
            progress.tick(number / len(runs), number)
            try:
                name = told_apart(run.system, run.scenario, shared)
                results.append(_graded(run, name, chosen, host))
            except UserError as error:  # this recording is broken; the others are not
                problems += error.problems
    campaign = conclude(results)
    code = worst([campaign.exit_code, *([ExitCode.INVALID] if problems else [])])
    if as_json:
        summary = {"problems": [asdict(problem) for problem in problems], "exit_code": int(code)}
        write_json({"schema_version": 1, "lab_version": __version__, **campaign_json(campaign), **summary})
    elif results:
        console = stdout()
        print_cases(console, campaign.results)
        if len(campaign.cases) > 1:
            print_numbers(console, campaign)
        for case in campaign.cases if len(campaign.cases) == 1 else ():
            print_axes(console, case)
    judged = {result.path for result in campaign.results}
    refresh_pages([run for run in runs if str(run.path) in judged])
    warn_unkept([problem for case in campaign.cases for problem in case.unkept])
    for problem in problems:
        show_problem(problem)
    return code


def _graded(run: RunDirectory, name: str, chosen: tuple[str, ...], host: EngineHost) -> JobResult:
    from lab.cli.selection import checked_engines
    from lab.errors import LabError, UserError
    from lab.judging.assess import assess
    from lab.runs.campaign import JobResult, check_gradable

    try:
        check_gradable(run)
        engines = chosen or run.engines() or checked_engines(())
        kept = {engine for engine in engines if run.diagnosis(engine) is not None}
        cases = tuple(replace(assess(run, e, None if e in kept else host), scenario=name) for e in engines)
    except UserError:
        raise
    except LabError as error:
        return JobResult(name, run.seed, str(run.path), (), str(error), error.exit_code)
    return JobResult(name, run.seed, str(run.path), cases)


def print_axes(console: Console, case: Assessment) -> None:
    """The grades of one case, an axis a line, with the reasons."""
    from rich.text import Text

    from lab.cli.console import table
    from lab.cli.texts import MARKS, STYLES

    shown = table("axis", "", "value", "answer", "expected", "why")
    for grade in case.grades:
        value = "–" if grade.value is None else f"{grade.value:.2f}"
        mark = Text(MARKS[grade.outcome], STYLES[grade.outcome])
        shown.add_row(grade.grader, mark, value, grade.answer, grade.expected, grade.explanation)
    console.print(shown)
