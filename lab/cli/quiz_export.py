"""`lab train --export-quiz FILE EXERCISE`: one exercise as a page that needs no server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lab.errors import Problem, UserError


def export(targets: Sequence[str], file: Path, state: Path) -> None:
    """Writes the page of the one exercise that is named; its recording is made below `state` if it is not there."""
    from lab.cli.exercises import named
    from lab.investigation.recordings import record
    from lab.quiz import write_quiz

    if len(targets) != 1:
        expected = "one: an exercise's id, or a scenario's file or name"
        raise UserError(Problem("which exercise is to be exported?", seen=" ".join(targets), expected=expected))
    _, exercise = named(targets[0])
    run = record(exercise, state / "runs")
    click.echo(write_quiz(exercise, run, file))
