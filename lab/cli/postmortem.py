"""`lab postmortem`: a blameless post-mortem of a recording, as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import GivenPath, option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.recording.rundir import RunDirectory

_EPILOG = """\b
Examples:
  lab postmortem RUN
  lab postmortem RUN -o postmortem.md
  lab postmortem RUN --as 'anna 3fa9c1' -o anna.md
"""


@click.command(epilog=_EPILOG)
@click.argument("target", metavar="RUN", type=GivenPath())
@option("-o", "--output", type=GivenPath(dir_okay=False), metavar="FILE", help="Write it there. [default: print it]")
@option(
    "--as",
    "name",
    default="",
    metavar="NAME",
    help="Of whose session, where the recording is of several. [default: the last]",
)
def command(*, target: Path, output: Path | None, name: str) -> int:
    """Write a blameless post-mortem of a recording.

    RUN is a run directory. Filled in are, as Markdown, summary, impact, timeline, detection, root cause, contributing
    factors by boundary, which signals would have told of the incident earlier, and what went well. Where the recording
    is of a training session, its notes, actions and answer are part of it. Action items are left to you. It tells the
    truth of the case.
    """
    from lab.cli.outputs import check_place
    from lab.errors import ExitCode
    from lab.files.fileio import write_file
    from lab.investigation.control import scenario_of
    from lab.investigation.debrief import debrief
    from lab.investigation.exercises import OWN, exercise_of
    from lab.investigation.postmortem import postmortem
    from lab.recording.opening import open_run

    if output is not None:
        check_place(output)
    run = open_run(target)
    loaded, record = scenario_of(run), _record(run, name)
    exercise = exercise_of(loaded, OWN, 1, run.seed, title=loaded.scenario.training.title or loaded.scenario.title)
    before = _before(run) if run.actions else None
    told = debrief(before or run, run if before else None, exercise, record)
    text = postmortem(told, exercise, record)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
    return ExitCode.OK


def _record(run: RunDirectory, name: str) -> Mapping[str, Any] | None:
    """The session that a recording is of: that of a name, else the last one; None where it is of none."""
    from lab.errors import Problem, UserError, nearest
    from lab.investigation.debrief import name_of, records

    kept = {name_of(record): record for record in records(run)}
    if name and name not in kept:
        what, hint = f"no session of {name!r} is kept with this recording", nearest(name, kept) if kept else ""
        raise UserError(Problem(what, str(run.path), expected=", ".join(kept) or "none is kept", hint=hint))
    return kept[name] if name else next(reversed(kept.values()), None)


def _before(run: RunDirectory) -> RunDirectory | None:
    """The recording of the same incident without actions, where it lies beside this one."""
    from lab.investigation.control import scenario_of
    from lab.runs.runner import reusable

    return reusable(scenario_of(run), run.seed, run.path.parents[1])
