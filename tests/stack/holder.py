"""A lab that pulls one lever, to be killed: `lab hold LEVER ELEMENT VALUE MOMENT...`.

It is the lab's own command line with one more command. It prints every moment it comes to (`intent`: it is on disk,
nothing is changed; `held`; `reverting`: nothing is put back yet; `reverted`: that is not on disk yet) and stays at
those it is given until a line comes on stdin, as if by chance the signal came just then.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import click

from lab import cli
from lab.agreed import leases
from lab.injection.levers import Undo, lever_type
from lab.systems.files import load_system
from lab.testbeds.stack import leases as renewing
from lab.testbeds.stack import testbed as stack_testbed
from lab.testbeds.stack.session import Session

SHORT_LEASE_S = 4.0
"""Renewed sixteen times as often: only a machine that stands still for seconds would let one run out."""


def shorten_leases() -> None:
    """For this process, so that nobody waits for a killed one's as long as users do."""
    leases.LEASE_S = SHORT_LEASE_S
    renewing.RENEW_EVERY_S = SHORT_LEASE_S / 16


@click.command()
@click.argument("lever")
@click.argument("element")
@click.argument("value", type=json.loads)
@click.argument("moments", nargs=-1)
def hold(lever: str, element: str, value: Any, moments: tuple[str, ...]) -> int:
    """Pulls the lever, waits, and puts it back."""
    stack_testbed.REVERT_PAUSE_S = 0.1
    shorten_leases()
    session = Session(load_system("recommender"))

    def come_to(moment: str) -> None:
        print(moment, flush=True)
        if moment in moments:
            sys.stdin.readline()

    _announce(session.testbed, come_to)
    with session.lock.held(), ExitStack() as held:
        if lever == "model.deploy":
            session.reset_versions()
        held.enter_context(session.testbed.leases())
        held.enter_context(session.testbed.pull(element, lever_type(lever).from_json(value)))
        come_to("held")
    return 0


def _announce(testbed: Any, come_to: Any) -> None:
    journal, write, writes = testbed.journal, testbed.write, []

    def journal_and_say(event: str, undo: Undo, value: Any) -> None:
        journal(event, undo, value)
        if event == "intent":
            come_to("intent")

    def write_and_say(lever: Any, element: str, value: Any) -> None:
        writes.append(value)
        is_revert = len(writes) > 1
        if is_revert:
            come_to("reverting")
        write(lever, element, value)
        if is_revert:
            come_to("reverted")

    testbed.journal, testbed.write = journal_and_say, write_and_say


def main(arguments: Sequence[str]) -> int:
    """The lab's command line with one more command."""
    module = types.ModuleType("lab.cli.hold")
    module.command = hold  # type: ignore[attr-defined]
    sys.modules["lab.cli.hold"] = module
    cli.COMMANDS["hold"] = "Pull a lever and wait."
    return cli.main(list(arguments))
