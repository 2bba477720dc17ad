"""`lab evaluate`: how good are engines on seeds that were not used in development?"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab import __version__
from lab.cli import completing
from lab.cli.campaigning import Campaigning, Plan, campaigning_options, plan_name, run_campaign
from lab.cli.console import GivenPath, engines_option, json_option, observability_option, option
from lab.cli.engine_options import EngineLimits, engine_limits_options
from lab.cli.filters import Filters, filter_options
from lab.cli.testbed_options import TestbedCommand, testbed_option
from lab.cli.verdicts import Verbosity, verbosity_options
from lab.errors import UserError, worst

if TYPE_CHECKING:
    from rich.console import Console

    from lab.cli.selection import Selection
    from lab.judging.assess import Assessment
    from lab.registration.observability import Observability
    from lab.runs.campaign import Campaign, Job
    from lab.testbeds.installed import Chosen

EVALUATION_SEEDS = range(1000, 1010)
"""Seeds kept for measuring. Never run them while developing an engine, a rule or a scenario."""
CONTROL_RUNS = 100
"""How many control runs a false-alarm ratio needs at least before it says something about a few per cent."""
FLOORS = ("chance", "constant", "loudest-anomaly", "naive-thresholds")
"""What any engine must beat. Thresholds without an engine are not about them."""
ENGINES = ("rules", *FLOORS)

_EPILOG = """\b
Examples:
  lab evaluate
  lab evaluate mine.suite.yaml --seeds 1000-1009 -o results.json -o results.md
  lab evaluate my.suite.yaml --engine 'cmd:python my_engine.py' --engine chance

\b
The default seeds, 1000 and up, are kept for measuring: never use them in development.
"""


@click.command(cls=TestbedCommand, epilog=_EPILOG)
@click.argument("suite", default="recommender", shell_complete=completing.suites)
@filter_options
@option(
    "--seeds", metavar="A-B", help=f"Seeds of every scenario. [default: {EVALUATION_SEEDS[0]}-{EVALUATION_SEEDS[-1]}]"
)
@option("--control-seeds", metavar="A-B", help=f"Seeds of controls. [default: as many as give {CONTROL_RUNS} runs]")
@engines_option
@testbed_option
@observability_option
@engine_limits_options
@campaigning_options
@option("--runs-dir", type=GivenPath(file_okay=False), default=Path("runs"), show_default=True, envvar="LAB_RUNS_DIR",
        help="Where results are kept for `lab results` and --resume.")  # fmt: skip
@option("-o", "--output", "outputs", type=GivenPath(dir_okay=False), multiple=True,
        help="Also write results; .json, or .md for a table; may be repeated.")  # fmt: skip
@verbosity_options
@json_option
def command(
    *, suite: str, filters: Filters, seeds: str | None, control_seeds: str | None, engines: tuple[str, ...],
    limits: EngineLimits, testbed: Chosen, observability: Observability | None,
    campaigning: Campaigning, runs_dir: Path, outputs: tuple[Path, ...], verbosity: Verbosity, as_json: bool,
) -> int:  # fmt: skip
    """Measure engines over many seeds, with controls and floors.

    Runs every scenario of SUITE with every seed and its controls with more, and deletes each recording once it is
    graded. The exit code is that of the suite's thresholds; those that name no engine are not about the floors, and
    thresholds are not applied to a part of the suite (-k, --tag). With -v each verdict is shown as it comes.
    """
    from lab.cli.console import json_text, write_json
    from lab.cli.figures import markdown
    from lab.cli.outputs import Writings, check_outputs
    from lab.cli.progress import Progress
    from lab.cli.selection import checked_engines, is_suite, select
    from lab.cli.verdicts import Verdicts, show_traces
    from lab.engines.trying import try_engines
    from lab.files.fileio import write_file
    from lab.runs.campaign import conclude
    from lab.runs.preparing import prepared

    check_outputs(outputs, (".json", ".md"))
    if not is_suite(suite):
        raise UserError(f"{suite!r} is not a suite; expected a *.suite.yaml file or a shipped suite")
    asked = checked_engines(engines, ENGINES)
    selection = filters.applied(select([suite])).seen_by(observability)
    jobs = make_jobs(selection, seeds, control_seeds, asked, testbed)
    campaigning.check(jobs)
    try_engines(asked, limits.for_scenarios(selection.scenarios, runs_dir))
    with (
        tempfile.TemporaryDirectory(prefix="lab-evaluate-") as scratch,
        prepared(jobs, Path(scratch)),
        Progress(len(jobs)) as progress,
    ):
        options = limits.for_scenarios(selection.scenarios, Path(scratch))
        verdicts = Verdicts(progress, verbosity, as_json=as_json)
        # Most answers of floors are wrong, so single cases are shown only on demand.
        show = verdicts.show if verbosity.verbose else lambda _: None
        results = run_campaign(
            Plan(jobs, plan_name(selection), "evaluate", keep=False), campaigning, options,
            runs_dir=runs_dir, root=Path(scratch), progress=progress, heard=show, taken=show,
        )  # fmt: skip
    show_traces(results)
    subjects = [engine for engine in asked if engine not in FLOORS] or list(asked)
    thresholds = selection.suite.thresholds if selection.suite and not selection.partial else ()
    campaign = conclude(results, thresholds, subjects)
    document = _document(suite, jobs, campaign)
    if as_json:
        write_json(document)
    else:
        _print(jobs, campaign, subjects)
    writings = Writings()
    for path in outputs:
        text = markdown(document) if path.suffix == ".md" else json_text(document)
        writings.write(path, lambda path, text=text: write_file(path, text + "\n"))  # type: ignore[misc]
    return worst([campaign.exit_code, *writings.conclude()])


def make_jobs(
    selection: Selection, seeds: str | None, control_seeds: str | None, engines: tuple[str, ...], testbed: Chosen
) -> list[Job]:
    """A job for every scenario and seed; controls get their own seeds besides."""
    from lab.cli.selection import parse_seeds
    from lab.runs.campaign import Job

    chosen = parse_seeds(seeds, None if seeds and "-" in seeds else EVALUATION_SEEDS[0])
    every = chosen.of((EVALUATION_SEEDS[0],)) if seeds else tuple(EVALUATION_SEEDS)
    controls = sum(not loaded.scenario.faults for loaded in selection.scenarios)
    if control_seeds:
        first = None if "-" in control_seeds else every[0]
        more = parse_seeds(control_seeds, first).of(every)
    else:
        each = math.ceil(CONTROL_RUNS / controls) if controls else 0
        more = tuple(range(every[0], every[0] + each))
    return [
        Job(loaded, seed, engines, testbed)
        for loaded in selection.scenarios
        for seed in (every if loaded.scenario.faults else dict.fromkeys((*every, *more)))
    ]


def seeds_text(seeds: Sequence[int]) -> str:
    """`1000–1009`, or the seeds with commas where they have gaps."""
    distinct = sorted(set(seeds))
    if len(distinct) > 1 and distinct[-1] - distinct[0] == len(distinct) - 1:
        return f"{distinct[0]}–{distinct[-1]}"
    return ", ".join(str(seed) for seed in distinct)


def confusions(cases: Sequence[Assessment], engine: str) -> Counter[tuple[str, str]]:
    """(true culprit and kind, the wrong answer) of the cases that an engine got wrong, counted."""
    from lab.cli.texts import listed
    from lab.contracts import Diagnosis, Outcome, Verdict

    found: Counter[tuple[str, str]] = Counter()
    for case in cases:
        if case.engine != engine or case.outcome is not Outcome.FAIL:
            continue
        true = ", ".join(f"{fault.kind} of {fault.culprit}" for fault in case.truth.faults) or "healthy"
        if not isinstance(case.answer, Diagnosis):
            answer = "no answer"
        elif case.answer.verdict is not Verdict.FAULT:
            answer = str(case.answer.verdict)
        else:
            top = [f for f in case.answer.findings if f.confidence == case.answer.findings[0].confidence]
            answer = listed(list(dict.fromkeys(f"{finding.kind} of {finding.culprit}" for finding in top)), 2)
        found[true, answer] += 1
    return found


def _comparisons(cases: Sequence[Assessment], subjects: Sequence[str]) -> list[dict[str, Any]]:
    """Each engine against each floor on the same cases."""
    from dataclasses import asdict

    from lab.judging.statistics import compare
    from lab.runs.campaign import engines_of, verdicts

    floors = [engine for engine in engines_of(cases) if engine not in subjects]
    return [
        {"engine": engine, "floor": floor, **asdict(compare(verdicts(cases, engine), verdicts(cases, floor)))}
        for engine in subjects
        for floor in floors
    ]


def _seeds(jobs: Sequence[Job]) -> tuple[list[int], list[int]]:
    """The seeds of scenarios with faults, and of controls."""
    return [j.seed for j in jobs if j.loaded.scenario.faults], [j.seed for j in jobs if not j.loaded.scenario.faults]


def _document(suite: str, jobs: Sequence[Job], campaign: Campaign) -> dict[str, Any]:
    from lab.cli.results import campaign_json
    from lab.runs.campaign import engines_of

    cases, (with_faults, controls) = campaign.cases, _seeds(jobs)
    engines = engines_of(cases)
    return {
        "schema_version": 1,
        "lab_version": __version__,
        "suite": suite,
        "seeds": {"faults": sorted(set(with_faults)), "controls": sorted(set(controls))},
        "runs": {"faults": len(with_faults), "controls": len(controls)},
        **campaign_json(campaign),
        "comparisons": _comparisons(cases, [engine for engine in engines if engine not in FLOORS]),
        "confusions": {
            engine: [{"true": t, "answer": s, "cases": n} for (t, s), n in confusions(cases, engine).most_common()]
            for engine in engines
        },
    }


def _print(jobs: Sequence[Job], campaign: Campaign, subjects: Sequence[str]) -> None:
    from lab.cli.console import stdout
    from lab.cli.results import print_numbers, print_thresholds
    from lab.cli.verdicts import print_cases

    console, cases, (with_faults, controls) = stdout(), campaign.cases, _seeds(jobs)
    print_cases(console, [result for result in campaign.results if result.problem])
    for what, seeds in (("with faults", with_faults), ("of controls", controls)):
        if seeds:
            runs, of = ("runs", "seeds") if len(seeds) > 1 else ("run", "seed")
            console.print(f"{len(seeds)} {runs} {what}, {of} {seeds_text(seeds)}", soft_wrap=True)
    print_numbers(console, campaign)
    _print_comparisons(console, cases, subjects)
    for engine in subjects:
        _print_confusions(console, cases, engine)
    print_thresholds(console, campaign.thresholds)


def _print_comparisons(console: Console, cases: Sequence[Assessment], subjects: Sequence[str]) -> None:
    from lab.cli.console import print_table, table

    shown = table("engine", "floor", "better", "worse", "cases", "p")
    for row in _comparisons(cases, subjects):
        shown.add_row(
            row["engine"], row["floor"], str(row["better"]), str(row["worse"]), str(row["n"]),
            f"{row['clustered_p_value']:.2g} by scenario",
        )  # fmt: skip
    if shown.row_count:
        print_table(console, "Against the floors, on the same cases", shown)


def _print_confusions(console: Console, cases: Sequence[Assessment], engine: str) -> None:
    from lab.cli.console import print_table, table

    found = confusions(cases, engine)
    if not found:
        console.print(f"{engine}: no case wrong\n")
        return
    shown = table("true", "answer", "cases")
    for (true, answer), count in found.most_common():
        shown.add_row(true, answer, str(count))
    print_table(console, f"Wrong cases of {engine}", shown)
