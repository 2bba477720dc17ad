"""What all commands share: options, results on stdout, problems on stderr."""

from __future__ import annotations

import functools
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli import completing
from lab.errors import Problem
from lab.registration.observability import LEVELS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PLAIN_WIDTH = 120
"""Columns where the output is no terminal: tables are read in a log, not wrapped to an imagined screen."""

MAX_SHOWN = 30
"""Problems shown of one file; what goes wrong more often than that mostly goes wrong for one reason."""

option = functools.partial(click.option, show_envvar=True)
"""An option that can also be set by an environment variable, which `--help` shows."""


class GivenPath(click.Path):
    """A path that was really given: an empty text, as from an unset variable of a shell, would mean the folder here."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True):
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty name is not a path", param, ctx)
        return super().convert(value, param, ctx)


json_option = option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
runs_option = option(
    "--runs-dir",
    type=GivenPath(file_okay=False),
    default=Path("runs"),
    show_default=True,
    envvar="LAB_RUNS_DIR",
    help="Where recordings are kept.",
)


class _EngineSpec(click.types.StringParamType):
    """An engine's spec. A command has spaces in it, so in a variable each engine has a line of its own."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [line.strip() for line in rv.splitlines() if line.strip()]


engines_option = option(
    "--engine",
    "engines",
    multiple=True,
    type=_EngineSpec(),
    shell_complete=completing.engines,
    help="An engine's name, rules:FILE, cmd:PROGRAM or an http URL; may be repeated (in the variable: one a line).",
)
observability_option = option(
    "--observability",
    type=click.Choice(tuple(LEVELS)),
    help="How much is recorded of the systems. [default: as in their files]",
)


def stdout() -> Console:
    """The result. Colour only on a terminal and never where NO_COLOR is set or CI runs."""
    console = _console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def stderr() -> Console:
    """Progress and remarks."""
    return _console(stderr=True)


def _console(**more: Any) -> Console:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Escaping(Console):
        """Prints control characters as text: an engine's answer must not drive the terminal."""

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(escaped(segment.text), segment.style)

    # Without a colour system there is no bold either.
    colours: Any = None if _plain() else "auto"
    return Escaping(highlight=False, markup=False, emoji=False, soft_wrap=False, color_system=colours, **more)


def escaped(text: str) -> str:
    """Text with its control characters written out, newlines and tabs apart."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _plain() -> bool:
    return bool(os.environ.get("NO_COLOR")) or in_ci()


def in_ci() -> bool:
    """Whether a CI system reads the output."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def debugging() -> bool:
    """Whether `lab --debug` or LAB_DEBUG asks for tracebacks."""
    return os.environ.get("LAB_DEBUG", "").lower() not in ("", "0", "false", "no")


def table(*columns: str) -> Table:
    """A table without frames: columns apart by space, one rule under the headings."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def print_table(console: Console, title: str, shown: Table) -> None:
    """A table under its title, with an empty line after it."""
    console.print(title, style="bold", soft_wrap=True)
    console.print(shown)
    console.print()


def write_json(content: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json_text(content))


def json_text(content: Any) -> str:
    """A result as JSON; what JSON has no form for is written as text."""
    return json.dumps(content, indent=1, ensure_ascii=False, default=str)


def show_problem(problem: Problem) -> None:
    """One problem on stderr, and as an annotation of the file where GitHub runs us."""
    click.echo(escaped(str(problem) if problem.file else f"error: {problem}"), err=True)
    if problem.line and os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(github_annotation(problem), err=True)


def show_problems(problems: Iterable[Problem]) -> None:
    """Problems on stderr; of each file the first ones, and how many more there are."""
    shown: Counter[str] = Counter()
    for problem in problems:
        shown[problem.file] += 1
        if shown[problem.file] <= MAX_SHOWN:
            show_problem(problem)
    for file, count in shown.items():
        if count > MAX_SHOWN:
            left = count - MAX_SHOWN
            where = f"{file}: " if file else ""
            click.echo(f"{where}… and {left} more problem{'s' * (left != 1)}", err=True)


def github_annotation(problem: Problem) -> str:
    """A problem as a workflow command that marks the line in a pull request."""
    message = ". ".join(
        part for part in (problem.what, problem.expected and f"Expected {problem.expected}", problem.hint) if part
    )
    place = f" file={_escaped(problem.file, ',:')},line={problem.line},col={problem.column}" if problem.file else ""
    return f"::error{place}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
