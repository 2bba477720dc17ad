"""`lab list`: which scenarios, suites and courses there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli import completing
from lab.cli.console import json_option, option
from lab.cli.filters import Filters, filter_options
from lab.files.units import time_text

if TYPE_CHECKING:
    from lab.errors import Problem
    from lab.investigation.exercises import Course
    from lab.runs.suite import LoadedSuite
    from lab.scenario import LoadedScenario

_EPILOG = """\b
Examples:
  lab list
  lab list -k 'network and not mild'
  lab list --tag look-alike --json
  lab list my-scenarios/ my.suite.yaml
  lab list --tag training --spoilers
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="[FILE_OR_NAME]...", nargs=-1, shell_complete=completing.listed)
@filter_options
@option(
    "--system",
    "systems",
    metavar="SYSTEM",
    multiple=True,
    shell_complete=completing.systems,
    help="Only of this system; may be repeated.",
)
@option("--spoilers", is_flag=True, help="Also tell what is the matter in scenarios that are exercises for people.")
@json_option
def command(
    *, targets: tuple[str, ...], filters: Filters, systems: tuple[str, ...], spoilers: bool, as_json: bool
) -> int:
    """List scenarios, suites and courses.

    Without FILE_OR_NAME: the shipped ones, and the files of this directory. For a suite or a course, by its file or
    the name of a shipped one, its scenarios are listed. Problems of files are shown on stderr; the other files are
    still listed. Shipped scenarios of a world that is not installed are left out, and stderr says so.

    Scenarios that have a title for trainees are listed by it, without their faults and tags: whoever solves them should
    not read what is the matter. With --spoilers, in JSON, and by a filter that names a fault or tag, one learns it.
    """
    from lab.cli.console import show_problems, write_json
    from lab.errors import ExitCode, NothingSelectedError, Problem

    scenarios, suites, problems = _found(targets) if targets else _everything()
    scenarios = [one for one in scenarios if not systems or one.system.name in systems]
    if systems and not scenarios:
        raise NothingSelectedError(Problem(f"no scenario of system {' or '.join(systems)}"))
    chosen = filters.kept(scenarios) if filters else scenarios
    files = {one.path.resolve() for one in chosen}
    found, more = _courses(targets)
    problems += more
    courses = [one for one in found if files & {each.scenario.path.resolve() for each in one.exercises}]
    suites = [one for one in suites if files & {own.path.resolve() for own in one.scenarios}]
    if as_json:
        document = {"scenarios": [*map(_scenario_json, chosen)], "suites": [*map(_suite_json, suites)]}
        document |= {"courses": [*map(_course_json, courses)]}
        write_json({"schema_version": 1, **document})
    else:
        _print(chosen, suites, courses, spoilers)
    show_problems(problems)
    return ExitCode.INVALID if problems else ExitCode.OK


def _found(
    targets: Sequence[str], *, whole: bool = True
) -> tuple[list[LoadedScenario], list[LoadedSuite], list[Problem]]:
    """Scenarios and suites, each once, and what is wrong with those that cannot be loaded.

    `whole`: a suite's scenarios are listed too.
    """
    from lab.cli.selection import SUITE, is_suite, select
    from lab.errors import UserError
    from lab.investigation.exercises import is_course, load_course
    from lab.runs.suite import load_suite

    scenarios: dict[Path, LoadedScenario] = {}
    suites: dict[Path, LoadedSuite] = {}
    loaded: dict[Path, LoadedScenario] = {}  # by a suite; most are in one
    problems: dict[Problem, None] = {}
    for target in targets:
        try:
            if is_suite(target):
                suite = load_suite(target)
                suites[suite.path.resolve()] = suite
                loaded |= {one.path.resolve(): one for one in suite.scenarios}
                members = suite.scenarios if whole else ()
            elif is_course(target):
                members = tuple(one.scenario for one in load_course(target).exercises)
            elif Path(target).resolve() in loaded:
                members = (loaded[Path(target).resolve()],)
            else:
                members = select([target]).scenarios
                inside = sorted(Path(target).rglob(f"*{SUITE}")) if Path(target).is_dir() else []
                suites |= {path.resolve(): load_suite(path) for path in inside}
            scenarios |= {one.path.resolve(): one for one in members}
        except UserError as error:
            problems |= dict.fromkeys(error.problems)
    return list(scenarios.values()), list(suites.values()), list(problems)


def _everything() -> tuple[list[LoadedScenario], list[LoadedSuite], list[Problem]]:
    """What comes with the lab, as far as its worlds are installed, and the files of this directory; suites first."""
    from lab.cli.selection import SCENARIO, SUITE
    from lab.files.finding import shipped_names
    from lab.systems.files import missing_worlds

    suffixes = (SUITE, SCENARIO)
    shipped = [str(path) for suffix in suffixes for path in shipped_names(suffix).values()]
    own = [str(path) for suffix in suffixes for path in sorted(Path().glob(f"*{suffix}"))]
    everything = _found([*shipped, *own], whole=False)
    if not everything[2] or not (missing := missing_worlds()):
        return everything
    scenarios, suites, _ = _found(shipped, whole=False)
    _tell_missing(missing, len(shipped) - len(scenarios) - len(suites))
    more_scenarios, more_suites, problems = _found(own, whole=False) if own else ([], [], [])
    return [*scenarios, *more_scenarios], [*suites, *more_suites], problems


def _courses(targets: Sequence[str]) -> tuple[list[Course], list[Problem]]:
    """The courses among what was named; the shipped ones and those of this directory where nothing was."""
    from lab.cli.selection import COURSE
    from lab.errors import UserError
    from lab.investigation.exercises import courses, is_course, load_course

    own = [str(path) for path in sorted(Path().glob(f"*{COURSE}"))]
    try:
        return ([load_course(one) for one in targets if is_course(one)] if targets else courses(own)), []
    except UserError as error:
        return [], list(error.problems)


def _tell_missing(worlds: Sequence[str], left_out: int) -> None:
    """A note on stderr: that nothing is listed of worlds that are not here is no error."""
    many, names = "s" * (len(worlds) > 1), ", ".join(map(repr, worlds))
    click.echo(
        f"note: {left_out} shipped scenarios and suites are left out: of the world{many} {names}, not installed here\n"
        "  hint:     install what is missing, or begin with a system of your own: lab init world NAME",
        err=True,
    )


def _print(
    scenarios: Sequence[LoadedScenario], suites: Sequence[LoadedSuite], courses: Sequence[Course], spoilers: bool
) -> None:
    from rich.text import Text

    from lab.cli.console import stdout
    from lab.cli.selection import name_of

    console = stdout()

    def entry(name: str, title: str, details: Iterable[str]) -> None:
        console.print(Text.assemble((name, "bold"), f"  {title}"), soft_wrap=True)
        console.print(Text("    " + " · ".join(filter(None, details)), "dim"), soft_wrap=True)

    for one in scenarios:
        scenario, training = one.scenario, one.scenario.training
        what = (one.system.name, time_text(scenario.duration_s))
        if training.title and not spoilers:
            entry(name_of(one), training.title, (*what, f"exercise, {training.level}", ", ".join(training.topics)))
        else:
            faults = ", ".join(_faults(one)) or "no fault"
            entry(name_of(one), scenario.title, (*what, faults, ", ".join(scenario.tags)))
    for suite in suites:
        limits = ", ".join(map(str, suite.suite.thresholds))
        size = f"suite of {len(suite.scenarios)} scenarios"
        entry(_suite_name(suite), suite.suite.title, (size, ", ".join(suite.suite.engines), limits))
    for course in courses:
        levels = Counter(exercise.level for exercise in course.exercises)
        counts = (f"{number} {level}" for level, number in levels.items())
        entry(course.name, course.title, (f"course of {len(course.exercises)} exercises", *counts))


def _faults(loaded: LoadedScenario) -> Iterable[str]:
    return (f"{fault.type} of {fault.target}" for fault in loaded.scenario.faults)


def _scenario_json(loaded: LoadedScenario) -> dict[str, Any]:
    from lab.cli.selection import name_of

    scenario = loaded.scenario
    return {
        "reference": name_of(loaded),
        "name": scenario.name,
        "title": scenario.title,
        "tags": list(scenario.tags),
        "system": loaded.system.name,
        "duration_s": scenario.duration_s,
        "seed": scenario.seed,
        "faults": [{"type": fault.type, "target": fault.target} for fault in scenario.faults],
        "decoys": [{"type": decoy.type, "target": decoy.target} for decoy in scenario.decoys],
        "path": str(loaded.path),
    }


def _suite_json(loaded: LoadedSuite) -> dict[str, Any]:
    return {
        "reference": _suite_name(loaded),
        "name": loaded.suite.name,
        "title": loaded.suite.title,
        "scenarios": [one.name for one in loaded.scenarios],
        "engines": list(loaded.suite.engines),
        "thresholds": [str(limit) for limit in loaded.suite.thresholds],
        "path": str(loaded.path),
    }


def _course_json(course: Course) -> dict[str, Any]:
    exercises = [
        {"id": one.id, "title": one.title, "level": one.level, "topics": list(one.topics), "system": one.system}
        for one in course.exercises
    ]
    return {"name": course.name, "title": course.title, "exercises": exercises}


def _suite_name(loaded: LoadedSuite) -> str:
    from lab.cli.selection import SUITE, short_path
    from lab.files.finding import shipped_name

    return shipped_name(loaded.path, SUITE) or short_path(loaded.path)
