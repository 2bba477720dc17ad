"""`lab recover`: puts back what a killed lab left changed on the stack."""

from __future__ import annotations

import click

from lab.cli.console import json_option
from lab.errors import ExitCode

_EPILOG = """\b
Examples:
  lab recover
  lab recover --json
"""


@click.command(epilog=_EPILOG)
@json_option
def command(as_json: bool) -> int:
    """Put back what a killed lab left changed on the stack.

    Undoes, from the journal, every change that was not reverted; safe to repeat. Ends with 6 and instructions if
    something cannot be put back.
    """
    from dataclasses import asdict

    from lab.cli.console import write_json
    from lab.cli.stack import open_session

    session = open_session()
    with session.lock.held():
        session.lock.tell(phase="putting back what earlier labs left")
        undone = session.recover()
    if as_json:
        write_json({"schema_version": 1, "reverted": [asdict(undo) for undo in undone]})
    elif undone:
        for undo in undone:
            click.echo(f"reverted {undo.lever} of {undo.element} to {undo.previous!r}")
    else:
        click.echo("nothing was left to revert")
    return ExitCode.OK
