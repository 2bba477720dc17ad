"""`lab recover`: puts back what killed labs left changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lab.cli import completing
from lab.cli.console import json_option, option
from lab.cli.testbed_options import EveryTestbedCommand, TestbedName
from lab.errors import ExitCode, LabError, joined

if TYPE_CHECKING:
    from lab.testbeds.driver import Recovery
    from lab.testbeds.installed import Chosen

_EPILOG = """\b
Examples:
  lab recover
  lab recover --testbed stack
  lab recover --json
"""


@click.command(cls=EveryTestbedCommand, epilog=_EPILOG)
@option("--testbed", type=TestbedName(), metavar="NAME", shell_complete=completing.testbeds,
        help="Only this testbed. [default: every installed testbed]")  # fmt: skip
@json_option
def command(testbed: tuple[Chosen, ...], as_json: bool) -> int:
    """Restore what a killed lab left changed.

    Looks on every installed testbed, or on one.

    Undoes, from the journal, every change that was not reverted; safe to repeat. Ends with 6 and instructions if
    something cannot be put back.
    """
    from lab.cli.console import write_json

    reverted: dict[str, list[Recovery]] = {}
    failed: list[LabError] = []
    for chosen in testbed:
        try:
            with chosen.named("putting back what was left"):
                reverted[chosen.name] = list(chosen.driver.recover(chosen.options))
        except LabError as error:  # what is left on the others is put back all the same
            failed.append(error)
    if failed and not any(reverted.values()):
        raise joined(failed)  # a document without a lever would look as if nothing had been left
    if as_json:
        reverted_levers = [{"testbed": name, **asdict(one)} for name, found in reverted.items() for one in found]
        write_json({"schema_version": 1, "reverted": reverted_levers})
    else:
        for name, found in reverted.items():
            for one in found:
                click.echo(f"reverted {one.lever} of {one.element} to {one.value!r} ({name})")
        if not any(reverted.values()):
            click.echo("nothing was left to revert")
    if failed:
        raise joined(failed)
    return ExitCode.OK
