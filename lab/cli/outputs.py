"""Files that commands write: what can be checked is checked beforehand, what fails afterwards costs no verdict."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from lab.cli.console import debugging, escaped, show_problem
from lab.errors import ExitCode, Problem, UserError

_TOLD = 3


def check_outputs(paths: Sequence[Path], suffixes: Sequence[str]) -> None:
    """UserError before anything runs: an hour's results must not end in a refusal."""
    for path in paths:
        if path.suffix not in suffixes:
            names = " or ".join(suffixes)
            raise UserError(f"-o {path}: unknown format {path.suffix!r}, expected a name that ends in {names}")
        check_place(path)


def check_place(path: Path) -> None:
    """UserError where no file of this name can be written."""
    if path.is_dir():
        raise UserError(f"-o {path}: this is a directory")
    if not path.parent.is_dir():
        raise UserError(f"-o {path}: there is no directory {path.parent}")
    denied = path.exists() and not os.access(path, os.W_OK)
    why = "permission denied" if denied else "" if path.exists() else unwritable(path.parent)
    if why:
        raise UserError(Problem(f"-o {path}: cannot be written ({why})", hint="-o PATH says where to write it"))


def check_runs_dir(directory: Path) -> None:
    """UserError where no recording could be kept under a directory, which need not be there yet."""
    why = unwritable(directory)
    if why:
        hint = "--runs-dir DIRECTORY or LAB_RUNS_DIR says where recordings go"
        raise UserError(Problem(f"recordings cannot be kept here: {why}", str(directory), hint=hint))


def unwritable(directory: Path) -> str:
    """Why nothing can be written where a directory is, or would be made; empty if it can. Leaves nothing behind."""
    place = directory
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()


class Writings:
    """Files written beside the result on stdout. One that fails is kept as a problem, and the rest goes on."""

    def __init__(self) -> None:
        self._problems: list[tuple[Problem, ExitCode]] = []

    def write(self, path: Path, how: Callable[[Path], object]) -> bool:
        """Calls `how(path)`; whether that went well."""
        try:
            how(path)
        except OSError as error:
            self._add(f"cannot be written: {(error.strerror or str(error)).lower()}", path, ExitCode.INVALID)
        except Exception as error:
            if debugging():
                click.echo(traceback.format_exc(), err=True)
            self._add(f"cannot be made: {type(error).__name__}: {error}", path, ExitCode.INTERNAL)
        else:
            return True
        return False

    def _add(self, what: str, path: Path, code: ExitCode) -> None:
        self._problems.append((Problem(what, str(path), hint="the result itself is on stdout"), code))

    def conclude(self) -> list[ExitCode]:
        """Tells what was not written, and returns the exit codes that follow from it."""
        for problem, _ in self._problems:
            show_problem(problem)
        return [code for _, code in self._problems]


def warn_unkept(problems: Sequence[Problem]) -> None:
    """Tells which answers and grades could not be kept, as in an archive that is only read."""
    for problem in problems[:_TOLD]:
        click.echo(escaped(f"warning: {problem}"), err=True)
    if len(problems) > _TOLD:
        click.echo(f"warning: and {len(problems) - _TOLD} more files not kept", err=True)
