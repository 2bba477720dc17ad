"""`lab rules`: what the reference engine's rules made of a recording, and whether a rules file is sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import GivenPath, json_option, option

if TYPE_CHECKING:
    from lab.engines.rules.trace import Trial
    from lab.engines.rules.tree import Tree
    from lab.recording.observed import Observed

_EPILOG = """\b
Examples:
  lab rules explain runs/control-quiet/11-3f2a9c01
  lab rules explain runs/control-quiet/11-3f2a9c01 --kind stale-cache --culprit cache
  lab rules explain runs/control-quiet/11-3f2a9c01 --engine rules:my.rules.yaml --json
  lab rules check my.rules.yaml
  lab rules show > my.rules.yaml
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Explain what the reference engine's rules found, or check rules files."""


@command.command(epilog=_EPILOG)
@click.argument("run", metavar="RUN", type=GivenPath())
@option("--engine", default="rules", help="rules, or rules:FILE for a rules file of your own. [default: rules]")
@option("--kind", help="Only causes of this kind.")
@option("--culprit", help="Only causes that would blame this element, or that were tried on it.")
@json_option
def explain(run: Path, engine: str, kind: str | None, culprit: str | None, as_json: bool) -> int:
    """Say for each cause and element which conditions held and which failed.

    RUN is a run directory, or an observed/ directory by itself. Causes that were named are shown in full, the others
    in one line each; with --kind or --culprit all that are left are shown in full.
    """
    from lab.cli.console import stdout, write_json
    from lab.engines.rules.explain import as_json as trial_json
    from lab.engines.rules.explain import lines, outcome
    from lab.engines.rules.inference import Inference, conclude

    observed = _observed(run)
    inference = Inference(observed, _tree(engine), thorough=True)
    trials = list(inference.trials())
    said = conclude(trials, inference)
    chosen = _chosen(trials, kind, culprit)
    if as_json:
        causes = [trial_json(trial) for trial in chosen]
        content = {"schema_version": 1, "path": str(run), "engine": engine, "verdict": str(said.verdict)}
        write_json(content | {"causes": causes})
        return 0
    console = stdout()
    console.print(f"{run}  {engine}: {said.verdict}", style="bold", soft_wrap=True)
    full = kind is not None or culprit is not None
    for trial in sorted(chosen, key=lambda trial: outcome(trial) != "named"):
        told = list(lines(trial))
        console.print("\n".join(told if full or trial.finding else told[:1]), soft_wrap=True)
    return 0


@command.command(epilog=_EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option
@click.pass_context
def check(context: click.Context, files: tuple[str, ...], as_json: bool) -> int:
    """Check rules files: every problem, by line and column. The same as lab validate, whatever the file is called."""
    from dataclasses import asdict

    from lab.cli.console import show_problems, write_json
    from lab.engines import RULES, engine_problems
    from lab.errors import ExitCode

    found = {file: engine_problems(RULES + file) for file in files}
    if as_json:
        told = [{"file": f, "ok": not p, "problems": [asdict(one) for one in p]} for f, p in found.items()]
        write_json({"schema_version": 1, "files": told})
    for file, problems in found.items():
        if not problems and not as_json:
            click.echo(f"OK  {file}")
        show_problems(problems)
    return ExitCode.INVALID if any(found.values()) else ExitCode.OK


@command.command(epilog=_EPILOG)
def show() -> None:
    """Print the shipped rules file, to start one of your own from."""
    from lab.engines.rules import RULES

    click.echo(RULES.read_text(encoding="utf-8"), nl=False)


def _observed(run: Path) -> Observed:
    """What could be observed of a run: an `observed/` directory is taken as it is."""
    from lab.recording.observed import load_observed
    from lab.recording.opening import open_run

    return load_observed(run if (run / "system.json").is_file() else open_run(run).observed)


def _tree(engine: str) -> Tree:
    from lab.engines import check_engine, rules_file
    from lab.engines.rules import RULES
    from lab.engines.rules.tree import known_tree
    from lab.errors import Problem, UserError

    file = rules_file(engine)
    if file is None and engine != "rules":
        raise UserError(Problem(f"engine {engine!r} has no rules", expected="rules, or rules:FILE"))
    check_engine(engine)
    return known_tree(file or RULES)


def _chosen(trials: list[Trial], kind: str | None, culprit: str | None) -> list[Trial]:
    """The trials asked for; UserError with the nearest name where there are none of that kind or element."""
    from lab.errors import Problem, UserError, nearest

    kinds = {trial.cause.kind for trial in trials}
    elements = {name for trial in trials for name in (trial.culprit, trial.element)}
    problems = [
        Problem(f"no cause {what} {asked!r} was tried", hint=nearest(asked, known))
        for what, asked, known in (("of kind", kind, kinds), ("about", culprit, elements))
        if asked is not None and asked not in known
    ]
    if problems:
        raise UserError(problems)
    return [
        trial
        for trial in trials
        if kind in (None, trial.cause.kind) and culprit in (None, trial.culprit, trial.element)
    ]
