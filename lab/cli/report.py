"""`lab report`: the HTML pages of recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import GivenPath, option

if TYPE_CHECKING:
    from lab.errors import Problem
    from lab.recording.rundir import RunDirectory

_EPILOG = """\b
Examples:
  lab report runs                                        every run's report.html, and runs/index.html
  lab report runs/deploy-stale-cache/11-3f2a9c01         report.html beside that recording
  lab report runs/control-quiet runs/feed-stall -o both.html
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="RUN...", nargs=-1, required=True, type=GivenPath())
@option("-o", "--output", type=GivenPath(dir_okay=False), help="Write one page about all of them.")
@option("--title", default="", help="A title for that page.")
def command(targets: tuple[Path, ...], output: Path | None, title: str) -> int:
    """Write the HTML pages of recordings.

    RUN is a run directory, or a directory of them such as runs. Every run gets its own page, and a directory of runs
    an index of them; with -o one page shows them all. Pages show the grades that are kept with the recordings (see
    `lab grade`); each is one file that needs no network.
    """
    from lab.cli.console import show_problem
    from lab.cli.outputs import check_place
    from lab.cli.selection import open_runs, short_path
    from lab.errors import ExitCode, UserError

    if title and output is None:
        raise UserError("--title is for the page of several runs; say -o report.html")
    opened, problems = open_runs(targets)
    if opened and output is not None:
        check_place(output)
    runs = []
    for run in opened:
        try:
            run.check_kept()
            runs.append(run)
        except UserError as error:
            problems += error.problems
    written, more = _write(runs, targets, output, title)
    for path in written:
        click.echo(short_path(path.resolve()))
    problems += more
    for problem in problems:
        show_problem(problem)
    return ExitCode.INVALID if problems else ExitCode.OK


def _write(
    runs: Sequence[RunDirectory], targets: Sequence[Path], output: Path | None, title: str
) -> tuple[list[Path], list[Problem]]:
    """The pages to open, and what could not be written."""
    from lab.cli.progress import Progress
    from lab.errors import Problem
    from lab.files.fileio import reason
    from lab.recording.rundir import RUN_FILE
    from lab.report import write_report, write_run_report
    from lab.report.index import INDEX, write_index

    if not runs:
        return [], []
    problems: list[Problem] = []
    pages: list[Path] = []

    def tried(path: Path, write: Callable[[], Path]) -> None:
        try:
            pages.append(write())
        except OSError as error:
            problems.append(Problem(f"cannot be written: {reason(error)}", str(path)))

    if output is not None:
        tried(output, lambda: write_report(runs, output, title=title))
        return pages, problems
    with Progress(len(runs)) as progress:
        for number, run in enumerate(runs):
            progress.tick(number / len(runs), number)
            tried(run.path, partial(write_run_report, run, again=True))
    roots = [target for target in dict.fromkeys(targets) if not (target / RUN_FILE).is_file()]
    own = [page for page in pages if any(page.parent == target for target in targets)]
    pages.clear()
    for root in roots:
        tried(root / INDEX, partial(write_index, root))
    return [*pages, *own], problems
