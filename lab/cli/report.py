"""`lab report`: the HTML report of recordings."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.console import option

_EPILOG = """\b
Examples:
  lab report runs                                        writes runs/report.html
  lab report runs/deploy-stale-cache/11-3f2a9c01         writes report.html beside that recording
  lab report runs/control-quiet runs/feed-stall -o both.html
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it.")
@option("--title", default="", help="A title for the page.")
def command(targets: tuple[Path, ...], output: Path | None, title: str) -> None:
    """Write the HTML report of recordings.

    RUN is a run directory, or a directory of them such as runs. The page shows the grades that are kept with the
    recordings (see `lab grade`); it is one file that needs no network.
    """
    from lab.cli.selection import open_runs, short_path
    from lab.errors import UserError

    if output is None and len(targets) > 1:
        raise UserError("several RUNs and no place for the report; say -o report.html")
    if output is not None and not output.parent.is_dir():
        raise UserError(f"-o {output}: there is no directory {output.parent}")
    runs = open_runs(targets)
    from lab.report import write_report

    click.echo(short_path(write_report(runs, output or targets[0] / "report.html", title=title).resolve()))
