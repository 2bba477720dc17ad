"""`lab grade`: grades answers that are kept with recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import engines_option, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from lab.assess import Assessment
    from lab.engines.host import EngineHost
    from lab.recording.rundir import RunDirectory

_EPILOG = """\b
Examples:
  lab grade runs
  lab grade runs/deploy-stale-cache/11-3f2a9c01 --engine rules --json
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@engines_option
@json_option
def command(targets: tuple[Path, ...], engines: tuple[str, ...], as_json: bool) -> int:
    """Grade the answers kept with recordings.

    RUN is a run directory, or a directory of them such as runs. Every engine that was asked is graded unless
    --engine names some; an engine that was not asked yet is asked first.
    """
    from lab.campaign import JobResult, check_gradable, conclude
    from lab.cli.console import stdout, write_json
    from lab.cli.progress import Progress
    from lab.cli.results import campaign_json, print_cases, print_numbers
    from lab.cli.selection import checked_engines, open_runs
    from lab.engines.host import EngineHost

    chosen = checked_engines(engines, ())
    runs = open_runs(targets)
    results = []
    with Progress(len(runs)) as progress, EngineHost() as host:
        for number, run in enumerate(runs):
            progress.tick(number / len(runs), number)
            check_gradable(run)
            cases = tuple(_assess(run, engine, host) for engine in chosen or kept_engines(run) or checked_engines(()))
            results.append(JobResult(run.scenario, run.seed, str(run.path), cases))
    campaign = conclude(results)
    if as_json:
        write_json({"schema_version": 1, **campaign_json(campaign)})
    else:
        console = stdout()
        print_cases(console, campaign.results)
        if len(campaign.cases) > 1:
            print_numbers(console, campaign)
        else:
            _print_axes(console, campaign.cases[0])
    return campaign.exit_code


def kept_engines(run: RunDirectory) -> tuple[str, ...]:
    """The engines whose answers are kept with a recording."""
    files = sorted((run.path / "diagnosis").glob("*.json"))
    return tuple(str(json.loads(file.read_text(encoding="utf-8"))["engine"]) for file in files)


def _assess(run: RunDirectory, engine: str, host: EngineHost) -> Assessment:
    from lab.assess import assess

    return assess(run, engine, None if run.diagnosis(engine) is not None else host)


def _print_axes(console: Console, case: Assessment) -> None:
    from rich.text import Text

    from lab.cli.console import table
    from lab.cli.texts import MARKS, STYLES

    shown = table("axis", "", "value", "said", "expected", "why")
    for grade in case.grades:
        value = "–" if grade.value is None else f"{grade.value:.2f}"
        mark = Text(MARKS[grade.outcome], STYLES[grade.outcome])
        shown.add_row(grade.grader, mark, value, grade.answer, grade.expected, grade.explanation)
    console.print(shown)
