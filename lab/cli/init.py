"""`lab init`: writes a first scenario, engine, rules file or world of one's own, which validates and runs as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import click

from lab.cli import completing
from lab.cli.console import option
from lab.errors import Problem, UserError
from lab.files.fileio import reason

_NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
_MAX_CHARACTERS = 80


@dataclass(frozen=True)
class Kind:
    """What can be begun: its template, the file it becomes, and what to type next (NAME stands for the name).

    A scenario has no template: it is made of its system.
    """

    template: str
    file: str
    default: str
    next: tuple[tuple[str, str], ...]


KINDS = {
    "scenario": Kind(
        "",
        "NAME.scenario.yaml",
        "my-scenario",
        (
            ("lab validate NAME.scenario.yaml", "check it"),
            ("lab plan NAME.scenario.yaml", "see what would be done, and when"),
            ("lab run NAME.scenario.yaml -v", "run and grade it"),
        ),
    ),
    "engine": Kind(
        "engine.py.txt",
        "NAME.py",
        "my_engine",
        (
            ("lab init scenario", "an incident to try it on"),
            ("lab run my-scenario.scenario.yaml --engine 'cmd:python NAME.py'", "what it answers"),
        ),
    ),
    "rules": Kind(
        "rules.yaml",
        "NAME.rules.yaml",
        "my",
        (
            ("lab validate NAME.rules.yaml", "check it"),
            ("lab init scenario", "an incident to try it on"),
            ("lab run my-scenario.scenario.yaml --engine rules:NAME.rules.yaml", "what it concludes"),
        ),
    ),
}

WORLD = "world"
"""A directory with a distribution, in place of a file."""

_EPILOG = """\b
Examples:
  lab init scenario checkout-outage                  checkout-outage.scenario.yaml
  lab init scenario --system mine.system.yaml        of a system of your own
  lab init engine                                    my_engine.py
  lab init rules ours                                ours.rules.yaml
  lab init world claims                              claims/: a distribution with a system of its own
  lab init world ledger --of-jobs                    of jobs alone: they write datasets, no requests come
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice([*KINDS, WORLD]))
@click.argument("name", required=False)
@option(
    "--system",
    metavar="SYSTEM",
    shell_complete=completing.systems,
    help="The scenario's system: the name of one that comes with the lab, or a *.system.yaml file."
    " Without it the first that can be run here.",
)
@option("--of-jobs", is_flag=True, help="A world of jobs alone: they write datasets, and no requests come.")
def command(kind: str, name: str | None, system: str | None, of_jobs: bool) -> None:
    """Write a first scenario, engine or rules file, or a world.

    The file is written into this directory. It is valid and can be run at once; its comments explain what to change.
    A world is a directory: content behind a system of your own, to be installed beside the lab. Nothing that exists is
    replaced.
    """
    if system is not None and kind != "scenario":
        raise UserError(Problem(f"--system is for a scenario, not for a file of kind {kind!r}"))
    if of_jobs and kind != WORLD:
        raise UserError(Problem(f"--of-jobs is for a world, not for a file of kind {kind!r}"))
    if kind == WORLD:
        from lab.cli.init_world import DEFAULT, write_world

        write_world(DEFAULT if name is None else name, of_jobs=of_jobs)
        return
    chosen = KINDS[kind]
    name = chosen.default if name is None else name
    if not _NAME.fullmatch(name) or len(name) > _MAX_CHARACTERS or (kind == "scenario" and "_" in name):
        expected = f"small letters, digits and hyphens, at most {_MAX_CHARACTERS} characters, such as {chosen.default}"
        raise UserError(Problem(f"{name!r} is not a valid name for a file of kind {kind!r}", expected=expected))
    path = Path(chosen.file.replace("NAME", name))
    text = _scenario(name, system) if kind == "scenario" else _template(chosen).replace("NAME", name)
    try:
        with path.open("x", encoding="utf-8") as file:  # a file that was made meanwhile is kept
            file.write(text)
    except FileExistsError:
        hint = f"choose another name: lab init {kind} NAME"
        raise UserError(Problem("this file exists already; it was not changed", str(path), hint=hint)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {reason(error)}", str(path))) from None
    click.echo(f"wrote {path}")
    click.echo("next:")
    width = max(len(line) for line, _ in chosen.next) - len("NAME") + len(name)
    for line, why in chosen.next:
        click.echo(f"  {line.replace('NAME', name):<{width}}  {why}")


def _template(chosen: Kind) -> str:
    from importlib.resources import files

    return files("lab").joinpath("templates", chosen.template).read_text(encoding="utf-8")


def _scenario(name: str, system: str | None) -> str:
    from lab.cli.beginning import first_scenario, first_system
    from lab.systems.files import load_system

    chosen = first_system() if system is None else system
    return first_scenario(name, load_system(chosen), chosen)
