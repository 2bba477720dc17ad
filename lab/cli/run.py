"""`lab run`: scenarios × seeds × engines, graded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab import __version__
from lab.cli.console import GivenPath, engines_option, json_option, option, runs_option
from lab.cli.engine_options import EngineLimits, engine_limits_options
from lab.cli.gate import Gate, comparison_json, gate_options, print_comparison
from lab.cli.stack_options import TestbedChoice, testbed_options
from lab.cli.verdicts import Verbosity, verbosity_options
from lab.errors import NothingSelectedError, worst

if TYPE_CHECKING:
    from lab.campaign import Campaign, Job
    from lab.cli.selection import Seeds, Selection
    from lab.testbeds.stack.options import StackOptions

OUTPUTS = (".html", ".json", ".xml")

_EPILOG = """\b
Examples:
  lab run recommender
  lab run recommender/deploy-stale-cache --seed 11 -v
  lab run scenarios/recommender --seeds 3 --engine rules --engine chance
  lab run mine.scenario.yaml --engine 'cmd:python my_engine.py' -o report.html -o results.xml
  lab run recommender --baseline main.json --fail-on regression

\b
Each verdict is printed when it is known; the tables at the end are in the order of the files.
A recording that would come out the same is reused, and the engines are asked anew; --fresh makes it anew.
A suite ends with the exit code of its thresholds, or of its cases if it has none. With --fail-on regression known
failures are no reason to fail: 1 where a case is newly broken or a new one fails, 4 where one that passed is lost.
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="FILE_OR_SUITE...", nargs=-1, required=True)
@option("--seed", type=click.IntRange(min=0), help="Run with this seed, or from this seed on.")
@option("--seeds", metavar="COUNT|A-B", help="So many seeds, or exactly these.")
@engines_option
@engine_limits_options
@testbed_options
@option("-o", "--output", "outputs", type=GivenPath(dir_okay=False), multiple=True,
        help="Also write results; .html, .json or .xml (JUnit) by suffix; may be repeated.")  # fmt: skip
@runs_option
@option("--jobs", "workers", type=click.IntRange(min=1), help="Runs at a time. [default: one per CPU]")
@option("--fresh", is_flag=True, help="Make every recording anew, also where the same one is there already.")
@option("--no-report", is_flag=True, help="Write no pages beside the recordings.")
@gate_options
@verbosity_options
@json_option
def command(
    *, targets: tuple[str, ...], seed: int | None, seeds: str | None, engines: tuple[str, ...], limits: EngineLimits,
    where: TestbedChoice, outputs: tuple[Path, ...], runs_dir: Path, workers: int | None, fresh: bool,
    no_report: bool, gate: Gate, verbosity: Verbosity, as_json: bool,
) -> int:  # fmt: skip
    """Run scenarios or a suite, ask engines, grade them.

    FILE_OR_SUITE is a scenario file, a directory of them, a suite file, or the name of a shipped scenario or suite.
    """
    from lab.campaign import conclude
    from lab.cli.console import json_text, write_json
    from lab.cli.junit import write_junit
    from lab.cli.outputs import Writings, check_outputs, check_runs_dir, warn_unkept
    from lab.cli.progress import Progress
    from lab.cli.reports import write_reports
    from lab.cli.results import campaign_json
    from lab.cli.selection import DEFAULT_ENGINES, checked_engines, parse_seeds, select
    from lab.cli.stack_options import stack_up
    from lab.cli.verdicts import Verdicts, show_traces
    from lab.fileio import write_file
    from lab.pool import default_workers, run_jobs

    check_outputs(outputs, OUTPUTS)
    check_runs_dir(runs_dir)
    stack = where.stack()
    chosen_seeds = parse_seeds(seeds, seed)
    selection = select(targets).seen_by(where.observability)
    asked = checked_engines(engines, selection.suite.engines if selection.suite else DEFAULT_ENGINES)
    jobs = make_jobs(selection, chosen_seeds, asked, stack, fresh=fresh, report=not no_report)
    before = gate.read(jobs)
    options = limits.for_scenarios(selection.scenarios, runs_dir)
    with stack_up(jobs, stack), Progress(len(jobs)) as progress:
        verdicts = Verdicts(progress, verbosity, as_json=as_json)
        # The stack is one, and time on it is real: one run at a time.
        count = 1 if stack else workers or default_workers()
        results = run_jobs(
            jobs, runs_dir, workers=count, tick=progress.tick, on_result=verdicts.show, engines=options
        )
    show_traces(results)
    thresholds = selection.suite.thresholds if selection.suite else ()
    campaign = conclude(results, thresholds, asked)
    if not as_json:
        _print_numbers(campaign)
    writings = Writings()
    reports = write_reports(campaign, outputs, runs_dir, selection, asked, writings, index=not no_report)
    document = {
        "schema_version": 1,
        "lab_version": __version__,
        "suite": selection.suite.name if selection.suite else None,
        **campaign_json(campaign),
        "paths": {"runs": str(runs_dir), "reports": [str(path) for path in reports]},
    }
    comparison = gate.compare(before, document)
    code = gate.exit_code(campaign, comparison)
    document |= {"exit_code": int(code)} | ({"comparison": comparison_json(comparison)} if comparison else {})
    if as_json:
        write_json(document)
    else:
        if comparison:
            print_comparison(comparison)
        _print_paths(campaign, selection, where.words(), reports)
    for path in outputs:
        if path.suffix == ".json":
            writings.write(path, lambda path: write_file(path, json_text(document) + "\n"))
        if path.suffix == ".xml":
            writings.write(path, lambda path: write_junit(campaign, path, document["suite"] or "lab run"))
    warn_unkept([problem for case in campaign.cases for problem in case.unkept])
    return worst([code, *writings.conclude()])


def make_jobs(
    selection: Selection,
    seeds: Seeds,
    engines: tuple[str, ...],
    stack: StackOptions | None = None,
    *,
    fresh: bool = False,
    report: bool = False,
) -> list[Job]:
    """One job for each scenario and seed, in the order of the files."""
    from lab.campaign import Job

    suite_seeds = selection.suite.seeds if selection.suite else ()
    jobs = [
        Job(loaded, seed, engines, stack, fresh, report)
        for loaded in selection.scenarios
        for seed in seeds.of(suite_seeds or (loaded.scenario.seed,))
    ]
    if not jobs:
        raise NothingSelectedError("no scenario selected")
    return jobs


def _print_numbers(campaign: Campaign) -> None:
    from lab.cli.console import stdout
    from lab.cli.results import print_numbers, print_thresholds

    console = stdout()
    console.print()
    print_numbers(console, campaign)
    print_thresholds(console, campaign.thresholds)


def _print_paths(campaign: Campaign, selection: Selection, where: Sequence[str], reports: Sequence[Path]) -> None:
    from lab.cli.console import stdout
    from lab.cli.results import replay_command, scenario_names
    from lab.cli.selection import short_path

    console = stdout()
    for path in reports:
        console.print(f"Report  {short_path(path.resolve())}", soft_wrap=True)
    replay = replay_command(campaign, scenario_names(selection.scenarios), where)
    console.print(f"Replay  {replay}", soft_wrap=True)
