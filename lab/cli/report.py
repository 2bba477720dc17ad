"""`lab report`: the HTML report of recordings."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.console import GivenPath, option

_EPILOG = """\b
Examples:
  lab report runs                                        writes runs/report.html
  lab report runs/deploy-stale-cache/11-3f2a9c01         writes report.html beside that recording
  lab report runs/control-quiet runs/feed-stall -o both.html
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="RUN...", nargs=-1, required=True, type=GivenPath())
@option("-o", "--output", type=GivenPath(dir_okay=False), help="Where to write it.")
@option("--title", default="", help="A title for the page.")
def command(targets: tuple[Path, ...], output: Path | None, title: str) -> int:
    """Write the HTML report of recordings.

    RUN is a run directory, or a directory of them such as runs. The page shows the grades that are kept with the
    recordings (see `lab grade`); it is one file that needs no network.
    """
    from lab.cli.console import show_problem
    from lab.cli.outputs import check_place
    from lab.cli.selection import open_runs, short_path
    from lab.errors import ExitCode, Problem, UserError

    if output is None and len(targets) > 1:
        raise UserError("several RUNs and no place for the report; say -o report.html")
    opened, problems = open_runs(targets)
    place = output or targets[0] / "report.html"
    if opened:
        check_place(place)
    runs = []
    for run in opened:
        try:
            run.check_kept()
            runs.append(run)
        except UserError as error:
            problems += error.problems
    if runs:
        from lab.report import write_report

        try:
            click.echo(short_path(write_report(runs, place, title=title).resolve()))
        except OSError as error:
            problems.append(Problem(f"cannot be written: {(error.strerror or str(error)).lower()}", str(place)))
    for problem in problems:
        show_problem(problem)
    return ExitCode.INVALID if problems else ExitCode.OK
