"""`lab rules`: explains the answers of the rules engine, and checks rules files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import GivenPath, json_option, option

if TYPE_CHECKING:
    from lab.engines.rules.trace import Trial
    from lab.engines.rules.tree import Tree
    from lab.errors import Problem

MAX_MISSES = 10

_EPILOG = """\b
Examples:
  lab rules explain runs/control-quiet
  lab rules explain runs/control-quiet/11-3f2a9c01 --kind stale-cache --culprit cache
  lab rules explain runs/control-quiet/11-3f2a9c01 --engine rules:my.rules.yaml --json
  lab rules check my.rules.yaml
  lab rules show --world WORLD > my.rules.yaml
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Explain the answers of the rules engine, or check rules files."""


@command.command(epilog=_EPILOG)
@click.argument("run", metavar="RUN", type=GivenPath())
@option("--engine", default="rules", help="rules, or rules:FILE for your own rules file. [default: rules]")
@option("--kind", help="Only causes of this kind.")
@option("--culprit", help="Only causes that would blame this element, or that were tried on it.")
@option("--all", "everything", is_flag=True, help="Show every cause and element, also those where no signal moved.")
@json_option
def explain(run: Path, engine: str, kind: str | None, culprit: str | None, everything: bool, as_json: bool) -> int:
    """Show for each cause and element which conditions held and which failed.

    RUN is a run directory, a directory of them, or an observed/ directory by itself. Causes that were named are shown
    in full, then the nearest misses in one line each; with --kind or --culprit all that are left are shown in full.
    """
    from lab.cli.console import show_problem, stdout, write_json
    from lab.engines.rules.explain import LEVELS
    from lab.engines.rules.explain import as_json as trial_json
    from lab.engines.rules.inference import Inference, conclude
    from lab.engines.rules.nearness import nearness
    from lab.errors import ExitCode
    from lab.signals import load_recorded

    recordings, problems = _recordings(run)
    documents = []
    for path, observed in recordings:
        recording, signals = load_recorded(observed)
        tree, rules = _tree(engine, recording.system.get("world"))
        inference = Inference(recording, tree, signals, thorough=True)
        trials = list(inference.trials())
        diagnosis = conclude(trials, inference)
        chosen = sorted(_chosen(trials, kind, culprit), key=lambda t: (t.finding is None, -nearness(t)))
        if as_json:
            causes = [trial_json(trial, rules[id(trial.cause)]) for trial in chosen]
            documents.append({"path": str(path), "engine": engine, "verdict": str(diagnosis.verdict), "causes": causes})
            continue
        console = stdout()
        console.print(f"{path}  {engine}: {diagnosis.verdict}", style="bold", soft_wrap=True)
        console.print(LEVELS, style="dim", soft_wrap=True)
        full = kind is not None or culprit is not None
        console.print("\n".join(_texts(chosen, rules, full, everything)), soft_wrap=True, markup=False)
    if as_json:
        write_json({"schema_version": 1, "runs": documents})
    for problem in problems:
        show_problem(problem)
    return ExitCode.INVALID if problems else ExitCode.OK


def _texts(trials: list[Trial], rules: Mapping[int, str], full: bool, everything: bool) -> Iterator[str]:
    """What was named in full, the nearest misses in a line each, and how many more there are."""
    from lab.engines.rules.explain import lines, outcome
    from lab.engines.rules.nearness import lead_moved

    missed = [t for t in trials if t.finding is None]
    near = [t for t in missed if lead_moved(t)]
    shown = missed if full or everything else near[:MAX_MISSES]
    for trial in [t for t in trials if t.finding is not None] + shown:
        explained = list(lines(trial, rules[id(trial.cause)]))
        yield from explained if full or trial.finding else explained[:1]
    if full or everything:
        return
    blind = sum(outcome(t) == "not judged" for t in missed if t not in shown)
    nearer, flat = len(near) - len(shown), len(missed) - len(near) - blind
    counts = [(nearer, "that moved and are farther off"), (flat, "whose leading signal did not move")]
    counts += [(blind, "that could not be judged, because signals were not recorded")]
    more = [f"{count} {what}" for count, what in counts if count]
    if more:
        yield f"and more pairs of cause and element: {'; '.join(more)} (--all shows them)"


@command.command(epilog=_EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option
@click.pass_context
def check(context: click.Context, files: tuple[str, ...], as_json: bool) -> int:
    """Check rules files: every problem, by line and column. The same as lab validate, for any file name."""
    from lab.cli.validate import show_files
    from lab.engines import RULES, engine_problems
    from lab.errors import ExitCode

    found = {file: tuple(engine_problems(RULES + file)) for file in files}
    show_files(found, as_json)
    for file in (file for file, problems in found.items() if not problems):
        for doubt in _doubtful_kinds(Path(file)):
            click.echo(f"warning: {doubt}", err=True)
    return ExitCode.INVALID if any(found.values()) else ExitCode.OK


def _doubtful_kinds(file: Path) -> Iterator[Problem]:
    """Kinds that no registered fault has: such a finding can never be right about the kind, so it may be a typo."""
    from lab.errors import nearest
    from lab.files.yamlsource import read_yaml
    from lab.injection.faults import fault_types

    document = read_yaml(file)
    known = {name for name, kind in fault_types().items() if not kind.is_decoy}
    for number, cause in enumerate(document.data["causes"]):
        if cause["kind"] not in known:
            what = f"kind {cause['kind']!r} is not a fault that `lab faults` lists"
            yield document.problem(("causes", number, "kind"), what, hint=nearest(cause["kind"], known))


@command.command(epilog=_EPILOG)
@option("--world", help="With the rules that this world adds for its systems. [default: those of every system]")
def show(world: str | None) -> None:
    """Print the shipped rules as one file, as a start for your own."""
    from lab.engines.rules.shipped import shipped_text
    from lab.errors import Problem, UserError, nearest
    from lab.registration.world import installed_worlds

    if world is not None and world not in installed_worlds():
        hint = nearest(world, installed_worlds())
        raise UserError(Problem(f"unknown world {world!r}", expected="an installed world", hint=hint))
    click.echo(shipped_text(world), nl=False)


def _recordings(target: Path) -> tuple[list[tuple[Path, Path]], list[Problem]]:
    """(what to call it, its `observed/` directory) of each recording, and what is wrong with others.

    An `observed/` directory is taken as it is; else the same as for `lab diagnose`.
    """
    from lab.cli.selection import open_runs

    if (target / "system.json").is_file():
        return [(target, target)], []
    runs, problems = open_runs([target])
    return [(run.path, run.observed) for run in runs], problems


def _tree(engine: str, world: str | None) -> tuple[Tree, dict[int, str]]:
    """The tree of a rules engine, and where in its text each cause stands (`rules:123`), by its identity.

    The text of the shipped rules is what `lab rules show` prints for the world.
    """
    from lab.engines import check_engine, rules_file
    from lab.engines.rules.shipped import NAME, shipped_text, shipped_tree
    from lab.engines.rules.tree import known_tree
    from lab.errors import Problem, UserError
    from lab.files.yamlsource import parse_yaml, read_yaml

    given = rules_file(engine)
    if given is None and engine != "rules":
        raise UserError(Problem(f"engine {engine!r} has no rules", expected="rules, or rules:FILE"))
    check_engine(engine)
    if given is None:
        name, tree, document = NAME, shipped_tree(world), parse_yaml(shipped_text(world), NAME)
    else:
        name, tree, document = given.name, known_tree(given), read_yaml(given)
    places = (document.values[("causes", number)][0] for number in range(len(tree.causes)))
    return tree, {id(cause): f"{name}:{line}" for cause, line in zip(tree.causes, places, strict=True)}


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
