"""`lab validate`: every problem of every file, located."""

from __future__ import annotations

from collections.abc import Callable
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
  lab validate scenarios/*.suite.yaml scenarios/recommender/*.scenario.yaml
  lab validate my.system.yaml my.rules.yaml --json
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="FILE...", nargs=-1, required=True, shell_complete=completing.files)
@json_option
def command(targets: tuple[str, ...], as_json: bool) -> int:
    """Check scenario, suite, system and rules files.

    The kind of a file follows from its name: *.scenario.yaml, *.suite.yaml, *.system.yaml, *.rules.yaml; any other YAML
    file is taken for a scenario. Names of shipped scenarios, suites and systems are accepted too.
    """
    found = {target: problems_of(target) for target in targets}
    if as_json:
        files = [{"file": t, "ok": not p, "problems": [asdict(one) for one in p]} for t, p in found.items()]
        write_json({"schema_version": 1, "files": files})
    for target, problems in found.items():
        if not problems and not as_json:
            click.echo(f"OK  {target}")
        show_problems(problems)
    bad = sum(bool(problems) for problems in found.values())
    if bad:
        count = sum(len(problems) for problems in found.values())
        click.echo(
            f"{count} problem{'s' * (count != 1)} in {bad} of {len(found)} file{'s' * (len(found) != 1)}", err=True
        )
    return ExitCode.INVALID if bad else ExitCode.OK


def problems_of(target: str) -> tuple[Problem, ...]:
    """What is wrong with a file, empty if nothing is."""
    try:
        _loader(target)(target)
    except UserError as error:
        return error.problems
    return ()


def _loader(target: str) -> Callable[[str], Any]:
    from lab.cli.selection import RULES, SYSTEM, is_suite, select
    from lab.scenario import load_system, system_names

    if target.endswith(RULES):
        from lab.engines.rules.tree import load_tree

        return lambda name: load_tree(Path(name))
    if target.endswith(SYSTEM) or (target in system_names() and not is_suite(target)):
        return load_system
    return lambda name: select([name])
