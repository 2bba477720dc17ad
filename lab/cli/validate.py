"""`lab validate`: every problem of every file, located."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lab.cli import completing
from lab.cli.console import json_option, show_problems, write_json
from lab.errors import ExitCode, Problem, UserError

_EPILOG = """\b
Examples:
  lab validate mine.scenario.yaml
  lab validate scenarios/*.suite.yaml scenarios/*/*.scenario.yaml
  lab validate my.course.yaml
  lab validate my.system.yaml my.rules.yaml --json
  lab validate .
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="FILE_OR_DIRECTORY...", nargs=-1, required=True, shell_complete=completing.files)
@json_option
def command(targets: tuple[str, ...], as_json: bool) -> int:
    """Check scenario, suite, course, system and rules files.

    The kind of a file follows from its name: *.scenario.yaml, *.suite.yaml, *.course.yaml, *.system.yaml, *.rules.yaml
    (or rules.yaml, as in a world's package); any other YAML file is treated as a scenario. In a directory, every file
    of these kinds is checked, including those in directories below it. Names of shipped scenarios, suites, courses and
    systems are accepted too.
    """
    found: dict[str, tuple[Problem, ...]] = {}
    for target in targets:
        found |= _of_directory(Path(target)) if _is_directory(target) else {target: problems_of(target)}
    show_files(found, as_json)
    bad = sum(bool(problems) for problems in found.values())
    if bad:
        count = sum(len(problems) for problems in found.values())
        click.echo(
            f"{count} problem{'s' * (count != 1)} in {bad} of {len(found)} file{'s' * (len(found) != 1)}", err=True
        )
    return ExitCode.INVALID if bad else ExitCode.OK


def show_files(found: Mapping[str, tuple[Problem, ...]], as_json: bool) -> None:
    """Prints which of the files checked are right, and every problem of the others."""
    if as_json:
        files = [{"file": t, "ok": not p, "problems": [asdict(one) for one in p]} for t, p in found.items()]
        write_json({"schema_version": 1, "files": files})
    for target, problems in found.items():
        if not problems and not as_json:
            click.echo(f"OK  {target}")
        show_problems(problems)


def _is_directory(target: str) -> bool:
    from lab.cli.selection import is_suite

    return Path(target).is_dir() and not is_suite(target)


def _of_directory(directory: Path) -> dict[str, tuple[Problem, ...]]:
    """What is wrong with each file of a known kind, and with scenarios whose names clash."""
    from lab.cli.selection import COURSE, RULES, SCENARIO, SUITE, SYSTEM, files_under, select

    kinds = (SCENARIO, SUITE, COURSE, SYSTEM, RULES)
    try:
        files = files_under(directory, kinds)
    except UserError as error:
        return {str(directory): error.problems}
    if not files:
        expected = ", ".join(f"*{kind}" for kind in kinds)
        return {str(directory): (Problem("nothing to check in this directory", str(directory), expected=expected),)}
    found = {str(file): problems_of(str(file)) for file in files}
    scenarios = [name for name in found if name.endswith(SCENARIO)]
    if scenarios and not any(found[name] for name in scenarios):
        try:
            select(scenarios)
        except UserError as error:  # two of one name
            for problem in error.problems:
                found[problem.file] = (*found.get(problem.file, ()), problem)
    return found


def problems_of(target: str) -> tuple[Problem, ...]:
    """What is wrong with a file, empty if nothing is."""
    try:
        _loader(target)(target)
    except UserError as error:
        return error.problems
    return ()


def _loader(target: str) -> Callable[[str], Any]:
    from lab.cli.selection import RULES, SYSTEM, is_suite
    from lab.investigation.exercises import is_course, load_course
    from lab.systems.files import load_system, system_names

    if target.endswith(RULES) or Path(target).name == RULES.removeprefix("."):
        from lab.engines.rules.tree import load_tree

        return lambda name: load_tree(Path(name))
    if is_course(target):
        return load_course
    if target.endswith(SYSTEM) or (target in system_names() and not is_suite(target)):
        return load_system
    return _load_scenarios


def _load_scenarios(target: str) -> None:
    from lab.cli.selection import select
    from lab.investigation.helps import help_problems

    problems = [problem for loaded in select([target]).scenarios for problem in help_problems(loaded)]
    if problems:
        raise UserError(problems)
