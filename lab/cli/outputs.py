"""Output files of commands: checked before the run; a failure after it loses no verdict."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from lab.cli.console import debugging, escaped, show_problem
from lab.errors import ExitCode, Problem, UserError
from lab.files.fileio import place_problem, reason, unwritable

MAX_SHOWN = 3


def check_outputs(paths: Sequence[Path], suffixes: Sequence[str]) -> None:
    """UserError before anything runs: an hour's results must not end in a refusal."""
    for path in paths:
        if path.suffix not in suffixes:
            names = " or ".join(suffixes)
            raise UserError(f"-o {path}: unknown format {path.suffix!r}, expected a name that ends in {names}")
        check_place(path)


def check_place(path: Path, option: str = "-o") -> None:
    """UserError where no file of this name can be written; `option` is the one that named it."""
    why = place_problem(path)
    if why:
        raise UserError(Problem(f"{option} {path}: cannot be written ({why})", hint=f"{option} says where to write it"))


def check_runs_dir(directory: Path) -> None:
    """UserError where no recording could be kept under a directory, which need not be there yet."""
    why = unwritable(directory)
    if why:
        hint = "--runs-dir DIRECTORY or LAB_RUNS_DIR says where recordings go"
        raise UserError(Problem(f"recordings cannot be kept here: {why}", str(directory), hint=hint))


class Writings:
    """Files written beside the result on stdout. One that fails is kept as a problem, and the rest goes on."""

    def __init__(self) -> None:
        self._problems: list[tuple[Problem, ExitCode]] = []

    def write(self, path: Path, how: Callable[[Path], object]) -> bool:
        """Calls `how(path)`; whether that went well."""
        try:
            how(path)
        except OSError as error:
            self._add(f"cannot be written: {reason(error)}", path, ExitCode.INVALID)
        except Exception as error:
            if debugging():
                click.echo(traceback.format_exc(), err=True)
            self._add(f"cannot be made: {type(error).__name__}: {error}", path, ExitCode.INTERNAL)
        else:
            return True
        return False

    def failed(self, path: Path, why: str) -> None:
        """Notes a file that another part of the lab could not write."""
        internal = why.startswith("internal error")
        self._add(f"cannot be written: {why}", path, ExitCode.INTERNAL if internal else ExitCode.INVALID)

    def _add(self, what: str, path: Path, code: ExitCode) -> None:
        self._problems.append((Problem(what, str(path), hint="the result itself is on stdout"), code))

    def conclude(self) -> list[ExitCode]:
        """Tells what was not written, and returns the exit codes that follow from it."""
        for problem, _ in self._problems:
            show_problem(problem)
        return [code for _, code in self._problems]


def warn_unkept(problems: Sequence[Problem]) -> None:
    """Tells which answers and grades could not be kept, as in an archive that is only read."""
    for problem in problems[:MAX_SHOWN]:
        click.echo(escaped(f"warning: {problem}"), err=True)
    if len(problems) > MAX_SHOWN:
        click.echo(f"warning: and {len(problems) - MAX_SHOWN} more files not kept", err=True)
