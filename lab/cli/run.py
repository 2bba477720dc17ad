"""`lab run`: scenarios × seeds × engines, graded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab import __version__
from lab.cli.console import engines_option, json_option, option, runs_option
from lab.errors import NothingSelectedError, UserError, worst

if TYPE_CHECKING:
    from lab.campaign import Campaign, Job
    from lab.cli.outputs import Writings
    from lab.cli.selection import Seeds, Selection
    from lab.report import SummaryRow
    from lab.testbeds.stack.options import StackOptions

OUTPUTS = (".html", ".json", ".xml")

_EPILOG = """\b
Examples:
  lab run recommender
  lab run recommender/deploy-stale-cache --seed 11
  lab run scenarios/recommender --seeds 3 --engine rules --engine chance
  lab run mine.scenario.yaml --engine 'cmd:python my_engine.py' -o report.html -o results.xml

\b
A suite ends with the exit code of its thresholds, or of its cases if it has none.
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="FILE_OR_SUITE...", nargs=-1, required=True)
@option("--seed", type=click.IntRange(min=0), help="Run with this seed, or from this seed on.")
@option("--seeds", metavar="COUNT|A-B", help="So many seeds, or exactly these.")
@engines_option
@option("--testbed", type=click.Choice(["sim", "stack"]), default="sim", show_default=True, help="Where to run.")
@option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="On the stack: scenario seconds per real second.",
)
@option("--keep", is_flag=True, help="On the stack: leave it up afterwards.")
@option(
    "--load-workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="On the stack: worker processes of the load.",
)
@option("-o", "--output", "outputs", type=click.Path(dir_okay=False, path_type=Path), multiple=True,
        help="Also write results; .html, .json or .xml (JUnit) by suffix; may be repeated.")  # fmt: skip
@runs_option
@option("--jobs", "workers", type=click.IntRange(min=1), help="Runs at a time. [default: one per CPU]")
@option("--no-report", is_flag=True, help="Write no HTML report beside the recordings.")
@json_option
def command(
    *, targets: tuple[str, ...], seed: int | None, seeds: str | None, engines: tuple[str, ...], testbed: str,
    time_scale: float, keep: bool, load_workers: int, outputs: tuple[Path, ...], runs_dir: Path, workers: int | None,
    no_report: bool, as_json: bool,
) -> int:  # fmt: skip
    """Run scenarios or a suite, ask engines, grade them.

    FILE_OR_SUITE is a scenario file, a directory of them, a suite file, or the name of a shipped scenario or suite.
    """
    from lab.campaign import conclude
    from lab.cli.console import json_text, write_json
    from lab.cli.junit import write_junit
    from lab.cli.outputs import Writings, check_outputs, check_runs_dir, warn_unkept
    from lab.cli.progress import Progress
    from lab.cli.results import campaign_json, show_traces
    from lab.cli.selection import DEFAULT_ENGINES, check_testbed, checked_engines, parse_seeds, select
    from lab.fileio import write_file
    from lab.pool import default_workers, run_jobs

    check_outputs(outputs, OUTPUTS)
    check_runs_dir(runs_dir)
    check_testbed(testbed)
    chosen_seeds = parse_seeds(seeds, seed)
    selection = select(targets)
    asked = checked_engines(engines, selection.suite.engines if selection.suite else DEFAULT_ENGINES)
    stack = stack_options(testbed, time_scale, keep, load_workers)
    jobs = make_jobs(selection, chosen_seeds, asked, stack)
    with _stack_up(jobs, stack), Progress(len(jobs)) as progress:
        # The stack is one, and time on it is real: one run at a time.
        count = 1 if stack else workers or default_workers()
        results = run_jobs(jobs, runs_dir, workers=count, tick=progress.tick)
    show_traces(results)
    limits = selection.suite.thresholds if selection.suite else ()
    campaign = conclude(results, limits, asked)
    where = ["--testbed", testbed, "--time-scale", f"{time_scale:g}"] if stack else []
    if not as_json:
        _print_results(campaign)
    writings = Writings()
    reports = write_reports(campaign, _report_paths(outputs, runs_dir, no_report), selection, asked, writings)
    document = {
        "schema_version": 1,
        "lab_version": __version__,
        "suite": selection.suite.name if selection.suite else None,
        **campaign_json(campaign),
        "paths": {"runs": str(runs_dir), "reports": [str(path) for path in reports]},
    }
    if as_json:
        write_json(document)
    else:
        _print_paths(campaign, selection, where, reports)
    for path in outputs:
        if path.suffix == ".json":
            writings.write(path, lambda path: write_file(path, json_text(document) + "\n"))
        if path.suffix == ".xml":
            writings.write(path, lambda path: write_junit(campaign, path, document["suite"] or "lab run"))
    warn_unkept([problem for case in campaign.cases for problem in case.unkept])
    return worst([campaign.exit_code, *writings.conclude()])


def stack_options(testbed: str, time_scale: float, keep: bool, load_workers: int) -> StackOptions | None:
    """The options of a run on the stack; UserError where they are given for another testbed."""
    if testbed == "stack":
        from lab.testbeds.stack.options import StackOptions

        return StackOptions(time_scale, keep, load_workers=load_workers)
    if time_scale != 1.0 or keep or load_workers != 1:
        raise UserError("--time-scale, --keep and --load-workers go with --testbed stack")
    return None


@contextmanager
def _stack_up(jobs: Sequence[Job], stack: StackOptions | None) -> Iterator[None]:
    """Holds the stack over all jobs, so that it comes up and goes down once; checks beforehand that it can do them."""
    if stack is None:
        yield
        return
    from lab.testbeds.stack.feasible import check_feasible
    from lab.testbeds.stack.run import held
    from lab.testbeds.stack.session import Session

    for job in jobs:
        check_feasible(job.loaded, stack.time_scale)
    click.echo("bringing the stack up (the first time builds its images)", err=True)
    with held(Session(jobs[0].loaded.system), stack):
        yield


def make_jobs(
    selection: Selection, seeds: Seeds, engines: tuple[str, ...], stack: StackOptions | None = None
) -> list[Job]:
    """One job for each scenario and seed, in the order of the files."""
    from lab.campaign import Job

    suite_seeds = selection.suite.seeds if selection.suite else ()
    jobs = [
        Job(loaded, seed, engines, stack)
        for loaded in selection.scenarios
        for seed in seeds.of(suite_seeds or (loaded.scenario.seed,))
    ]
    if not jobs:
        raise NothingSelectedError("no scenario selected")
    return jobs


def _report_paths(outputs: Sequence[Path], runs_dir: Path, no_report: bool) -> list[Path]:
    named = [path for path in outputs if path.suffix == ".html"]
    return named if named or no_report else [runs_dir / "report.html"]


def write_reports(
    campaign: Campaign, paths: Sequence[Path], selection: Selection, engines: Sequence[str], writings: Writings
) -> list[Path]:
    """The HTML report of all recordings made, at each path that can be written; none where nothing was recorded."""
    from lab.recording.opening import open_run
    from lab.report import write_report

    title = (selection.suite.title or selection.suite.name) if selection.suite else ""
    summary = summary_rows(campaign)

    def write(path: Path) -> None:
        recorded = [open_run(Path(result.path), verify=False) for result in campaign.results if result.path]
        write_report(recorded, path, title=title, summary=summary, engines=engines)

    any_recorded = any(result.path for result in campaign.results)
    return [path for path in paths if any_recorded and writings.write(path, write)]


def summary_rows(campaign: Campaign) -> list[SummaryRow]:
    """The campaign's figures for the report, those without any case left out."""
    from lab.report import SummaryRow

    limits = {(t.engine, t.threshold.metric): t for t in campaign.thresholds}
    rows = []
    for engine, by_metric in campaign.metrics.items():
        for metric, summary in by_metric.items():
            limit = limits.get((engine, metric))
            if limit is not None:
                # A threshold that could not be judged is not passed.
                rows.append(SummaryRow(engine, metric, str(summary), str(limit.threshold), limit.holds is True))
            elif summary.n or summary.inconclusive:
                rows.append(SummaryRow(engine, metric, str(summary)))
    return rows


def _print_results(campaign: Campaign) -> None:
    from lab.cli.console import stdout
    from lab.cli.results import print_cases, print_numbers, print_thresholds

    console = stdout()
    print_cases(console, campaign.results)
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
