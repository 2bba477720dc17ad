"""`lab run`: scenarios × seeds × engines, graded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab import __version__
from lab.cli import completing
from lab.cli.campaigning import LOCAL, Campaigning, Plan, campaigning_options, plan_name, run_campaign
from lab.cli.console import (
    GivenPath,
    engines_option,
    json_option,
    json_text,
    observability_option,
    option,
    runs_option,
    write_json,
)
from lab.cli.engine_options import EngineLimits, engine_limits_options
from lab.cli.filters import Filters, filter_options
from lab.cli.gate import Gate, comparison_json, gate_options, print_comparison
from lab.cli.stopping import Stopping, stopping_options
from lab.cli.testbed_options import TestbedCommand, place_words, testbed_option
from lab.cli.verdicts import Verbosity, verbosity_options
from lab.errors import NothingSelectedError, UserError, worst

if TYPE_CHECKING:
    from lab.cli.last_failed import LastFailed
    from lab.cli.outputs import Writings
    from lab.cli.selection import Seeds, Selection
    from lab.engines.options import EngineOptions
    from lab.registration.observability import Observability
    from lab.runs.campaign import Campaign, Job, JobResult
    from lab.testbeds.installed import Chosen

OUTPUTS = (".html", ".json", ".xml")
FEWEST = 3
"""Number of runs from which on tables of figures are printed."""

_EPILOG = """\b
Examples:
  lab run mine.suite.yaml
  lab run mine.scenario.yaml --seed 11 -v
  lab run mine.suite.yaml -k 'network and not mild' -x
  lab run --last-failed
  lab run my-scenarios/ --seeds 3 --engine rules --engine chance
  lab run mine.scenario.yaml --engine 'cmd:python my_engine.py' -o report.html -o results.xml
  lab run mine.suite.yaml --baseline main.json --fail-on regression

\b
Each verdict is printed when it is known; the tables at the end are in the order of the files.
A recording that would come out the same is reused, and the engines are asked anew; --fresh makes it anew.
A suite ends with the exit code of its thresholds, or of its cases if it has none or only a part of it was run. With
--fail-on regression known failures are no reason to fail: 1 where a case is newly broken or a new one fails, 4 where
one that passed is lost.
"""


@click.command(cls=TestbedCommand, epilog=_EPILOG)
@click.argument("targets", metavar="FILE_OR_SUITE...", nargs=-1, shell_complete=completing.scenarios)
@filter_options
@option("--last-failed", "--lf", is_flag=True, help="Only the cases that failed in the last run, with their engines.")
@option("--seed", type=click.IntRange(min=0), help="Run with this seed, or from this seed on.")
@option("--seeds", metavar="COUNT|A-B", help="Number of seeds (3), or a range of them (5-9).")
@engines_option
@engine_limits_options
@testbed_option
@observability_option
@option("-o", "--output", "outputs", type=GivenPath(dir_okay=False), multiple=True,
        help="Also write results; .html, .json or .xml (JUnit) by suffix; may be repeated.")  # fmt: skip
@runs_option
@campaigning_options
@option("--recordings", type=click.Choice(("send", "stay")), default="send", show_default=True,
        help="With --executor dask://…: send recordings here, or let them stay on the workers.")  # fmt: skip
@option("--fresh", is_flag=True, help="Make every recording again, even if an identical one exists.")
@option("--no-report", is_flag=True, help="Write no HTML pages.")
@stopping_options
@gate_options
@verbosity_options
@json_option
def command(
    *, targets: tuple[str, ...], filters: Filters, last_failed: bool, seed: int | None, seeds: str | None,
    engines: tuple[str, ...], limits: EngineLimits, testbed: Chosen, observability: Observability | None,
    outputs: tuple[Path, ...], runs_dir: Path, campaigning: Campaigning, recordings: str, fresh: bool, no_report: bool,
    stopping: Stopping, gate: Gate, verbosity: Verbosity, as_json: bool,
) -> int:  # fmt: skip
    """Run scenarios or a suite, ask engines, grade them.

    FILE_OR_SUITE is a scenario file, a directory of them, a suite file, or the name of a shipped scenario or suite.
    """
    from lab.cli.github import annotate_github
    from lab.cli.last_failed import LastFailed
    from lab.cli.outputs import Writings, check_outputs, check_runs_dir, warn_unkept
    from lab.cli.reports import write_reports
    from lab.cli.selection import DEFAULT_ENGINES, checked_engines, parse_seeds, select
    from lab.cli.verdicts import show_traces
    from lab.engines.trying import try_engines
    from lab.runs.campaign import conclude

    check_outputs(outputs, OUTPUTS)
    stay = _stays(recordings, campaigning, outputs)
    check_runs_dir(runs_dir)
    chosen_seeds = parse_seeds(seeds, seed)
    memory = LastFailed(runs_dir)
    if not targets and not last_failed:
        raise click.UsageError("Missing argument 'FILE_OR_SUITE...'.")
    selection = filters.applied(select(targets or memory.targets())).seen_by(observability)
    asked = checked_engines(engines, selection.suite.engines if selection.suite else DEFAULT_ENGINES)
    jobs = make_jobs(selection, chosen_seeds, asked, testbed, fresh=fresh, report=not no_report)
    if last_failed:
        jobs, asked = failed_last(jobs, memory)
    campaigning.check(jobs)
    before = gate.read(jobs)
    options = limits.for_scenarios(selection.scenarios, runs_dir)
    try_engines(asked, options)
    plan = Plan(jobs, plan_name(selection), "run", keep=True, recordings_stay=stay)
    results = _run(plan, runs_dir, campaigning, options, stopping, verbosity, memory, as_json=as_json)
    show_traces(results)
    complete = len(results) == len(jobs) and not selection.partial and not last_failed
    thresholds = selection.suite.thresholds if selection.suite and complete else ()
    campaign = conclude(results, thresholds, asked)
    unrun = jobs_left_out(jobs, results)
    if not as_json:
        _print_numbers(campaign, selection, unrun, verbosity, held=complete)
    writings = Writings()
    reports = [] if stay else write_reports(
        campaign, outputs, runs_dir, selection, asked, writings, index=not no_report
    )  # fmt: skip
    document = _document(campaign, selection, unrun, runs_dir, reports)
    comparison = gate.compare(before, document)
    code = gate.exit_code(campaign, comparison)
    document |= {"exit_code": int(code)} | ({"comparison": comparison_json(comparison)} if comparison else {})
    if as_json:
        write_json(document)
    else:
        if comparison:
            print_comparison(comparison)
        _print_paths(campaign, selection, place_words(testbed, observability), reports)
    _write_outputs(outputs, campaign, document, writings)
    annotate_github(campaign, selection.scenarios, document["suite"] or "lab run")
    warn_unkept([problem for case in campaign.cases for problem in case.unkept])
    return worst([code, *writings.conclude()])


def _stays(recordings: str, campaigning: Campaigning, outputs: Sequence[Path]) -> bool:
    """Whether recordings stay on other machines; UserError where a page about them is wanted here."""
    stay = recordings == "stay" and campaigning.executor != LOCAL
    if stay and any(path.suffix == ".html" for path in outputs):
        raise UserError("-o with .html needs the recordings here; expected --recordings send")
    return stay


def _run(
    plan: Plan, runs_dir: Path, campaigning: Campaigning, engines: EngineOptions,
    stopping: Stopping, verbosity: Verbosity, memory: LastFailed, *, as_json: bool,
) -> list[JobResult]:  # fmt: skip
    """Runs the jobs, prints each verdict as it comes, and remembers the failed cases, even if interrupted."""
    from lab.cli.progress import Progress
    from lab.cli.selection import lasting_name_of
    from lab.cli.verdicts import Verdicts
    from lab.runs.preparing import prepared

    jobs = plan.jobs
    references = {job.loaded.name: lasting_name_of(job.loaded) for job in jobs}
    asked = {(job.loaded.name, job.seed): job.engines for job in jobs}
    failures = stopping.counter()
    with prepared(jobs, runs_dir), Progress(len(jobs)) as progress:
        verdicts = Verdicts(progress, verbosity, as_json=as_json)

        def taken(result: JobResult) -> None:
            verdicts.show(result)
            memory.note(result, references[result.scenario], asked[result.scenario, result.seed])

        def heard(result: JobResult) -> None:
            taken(result)
            failures.note(result)

        try:
            return run_campaign(
                plan, campaigning, engines, runs_dir=runs_dir, root=runs_dir, progress=progress, heard=heard,
                taken=taken, stop=failures.enough,
            )  # fmt: skip
        finally:
            memory.save()


def failed_last(jobs: list[Job], memory: LastFailed) -> tuple[list[Job], tuple[str, ...]]:
    """The jobs that failed when they were run last, or all of them where none of them did, and the engines they ask.

    The seeds and engines are those that failed, unless the command line names others: a file's defaults are no wish.
    """
    from lab.cli.selection import checked_engines

    chosen = memory.chosen(
        jobs, any_seed=not _typed("seed") and not _typed("seeds"), any_engine=not _typed("engines")
    )  # fmt: skip
    if not chosen:
        click.echo("nothing of this failed last time: all of it is run", err=True)
    jobs = chosen or jobs
    return jobs, checked_engines([engine for job in jobs for engine in job.engines])


def _typed(parameter: str) -> bool:
    """Whether the command line itself gives an option."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def jobs_left_out(jobs: Sequence[Job], results: Sequence[JobResult]) -> list[Job]:
    """The jobs that were not started because enough had failed."""
    run = {(result.scenario, result.seed) for result in results}
    return [job for job in jobs if (job.loaded.name, job.seed) not in run]


def make_jobs(
    selection: Selection,
    seeds: Seeds,
    engines: tuple[str, ...],
    testbed: Chosen,
    *,
    fresh: bool = False,
    report: bool = False,
) -> list[Job]:
    """One job for each scenario and seed, in the order of the files."""
    from lab.runs.campaign import Job

    suite_seeds = selection.suite.seeds if selection.suite else ()
    jobs = [
        Job(loaded, seed, engines, testbed, fresh, report)
        for loaded in selection.scenarios
        for seed in seeds.of(suite_seeds or (loaded.scenario.seed,))
    ]
    if not jobs:
        raise NothingSelectedError("no scenario selected")
    return jobs


def _document(
    campaign: Campaign, selection: Selection, unrun: Sequence[Job], runs_dir: Path, reports: Sequence[Path]
) -> dict[str, Any]:
    from lab.cli.results import campaign_json

    return {
        "schema_version": 1,
        "lab_version": __version__,
        "suite": selection.suite.name if selection.suite else None,
        **campaign_json(campaign),
        "not_run": [{"scenario": job.loaded.name, "seed": job.seed} for job in unrun],
        "paths": {"runs": str(runs_dir), "reports": [str(path) for path in reports]},
    }


def _write_outputs(outputs: Sequence[Path], campaign: Campaign, document: dict[str, Any], writings: Writings) -> None:
    from lab.cli.junit import write_junit
    from lab.files.fileio import write_file

    for path in outputs:
        if path.suffix == ".json":
            writings.write(path, lambda path: write_file(path, json_text(document) + "\n"))
        if path.suffix == ".xml":
            writings.write(path, lambda path: write_junit(campaign, path, document["suite"] or "lab run"))


def _print_numbers(
    campaign: Campaign, selection: Selection, unrun: Sequence[Job], verbosity: Verbosity, *, held: bool
) -> None:
    from lab.cli.console import stdout
    from lab.cli.results import print_numbers, print_thresholds
    from lab.cli.texts import listed

    console = stdout()
    console.print()
    if verbosity.verbose or len(campaign.results) >= FEWEST:
        print_numbers(console, campaign, passed=not verbosity.quiet)
    print_thresholds(console, campaign.thresholds)
    if selection.suite and selection.suite.thresholds and not held:
        console.print("Thresholds are not held: they are about the whole suite, and only a part of it was run.\n")
    if unrun:
        names = listed([f"{job.loaded.name} seed {job.seed}" for job in unrun])
        console.print(f"Not run, because enough had failed: {names}\n", soft_wrap=True)


def _print_paths(campaign: Campaign, selection: Selection, where: Sequence[str], reports: Sequence[Path]) -> None:
    from lab.cli.console import stdout
    from lab.cli.results import replay_command, scenario_names
    from lab.cli.selection import short_path
    from lab.report.index import INDEX

    console = stdout()
    pages = [path for path in reports if path.name != INDEX] or reports
    for path in pages:
        console.print(f"Report  {short_path(path.resolve())}", soft_wrap=True)
    replay = replay_command(campaign, scenario_names(selection.scenarios), where)
    if replay:
        console.print(f"Replay  {replay}", soft_wrap=True)
