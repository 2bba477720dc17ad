"""`lab stack`: brings the real stack up and down, and says how it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab.cli.console import json_option
from lab.errors import ExitCode

if TYPE_CHECKING:
    from lab.testbeds.stack.session import Session

SYSTEM = "recommender"

_EPILOG = """\b
Examples:
  lab stack up
  lab stack status
  lab run recommender/partition-one-way --testbed stack --time-scale 5
  lab stack down --volumes
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Bring the docker-compose stack up or down, look at it."""


@command.command()
@click.option("--no-build", is_flag=True, show_envvar=True, help="Use the images that are there.")
@click.option("--load-workers", type=click.IntRange(min=1), default=1, show_default=True, show_envvar=True,
              help="Worker processes of the load.")  # fmt: skip
def up(no_build: bool, load_workers: int) -> int:
    """Build images, start every service, wait until all are healthy.

    Writes .env with fresh passwords if there is none.
    """
    session = open_session()
    seen: dict[str, str] = {}

    def tick(states: dict[str, str]) -> None:
        for name, state in states.items():
            if seen.get(name) != state:
                click.echo(f"{name}: {state}", err=True)
        seen.update(states)

    session.up(build=not no_build, anew=True, load_workers=load_workers, tick=tick)
    click.echo("the stack is up and healthy")
    return ExitCode.OK


@command.command()
@click.option("--volumes", is_flag=True, show_envvar=True, help="Delete the data too.")
def down(volumes: bool) -> int:
    """Stop and remove the containers and networks of this checkout.

    Containers of profiles, such as Prometheus, go as well. What others have under the project's name is left alone, and
    named: exit code 2.
    """
    from lab.testbeds.stack.journal import exclusive
    from lab.testbeds.stack.strangers import refuse_strangers

    session = open_session()
    with exclusive(session.state):
        session.down(volumes=volumes)
    refuse_strangers(session.compose)
    click.echo("the stack is down")
    return ExitCode.OK


@command.command()
@json_option
def status(as_json: bool) -> int:
    """State of every service, and what is open in the journal.

    Ends with 1 unless all are healthy and nothing is open.
    """
    from dataclasses import asdict

    from lab.cli.console import write_json
    from lab.testbeds.stack.strangers import in_the_way, predecessors

    session = open_session()
    states = session.compose.health()
    undos = session.journal.open_undos()
    if as_json:
        write_json({"schema_version": 1, "services": states, "not_reverted": [asdict(undo) for undo in undos]})
    else:
        for name, state in states.items():
            click.echo(f"{'✓' if state == 'healthy' else '✗'} {name:<10} {state}")
        if states["model"] != "healthy" and session.lacks_versions():
            click.echo("✗ model has no version to serve; `lab stack up` publishes the first ones, and so does any run")
        for undo in undos:
            click.echo(f"✗ not reverted: {undo.lever} of {undo.element}; run: lab recover")
    for problem in [*in_the_way(session.compose), *predecessors(session.compose)]:
        click.echo(str(problem), err=True)
    well = set(states.values()) <= {"healthy"} and not undos
    return ExitCode.OK if well else ExitCode.FAILED


@command.command()
@click.argument("services", nargs=-1)
@click.option(
    "--tail", type=click.IntRange(min=1), default=100, show_default=True, show_envvar=True, help="Lines each."
)
def logs(services: tuple[str, ...], tail: int) -> int:
    """Print the last log lines of the services."""
    from lab.testbeds.stack.strangers import refuse_strangers

    session = open_session()
    refuse_strangers(session.compose)
    session.compose.run("logs", "--no-color", f"--tail={tail}", *services, quiet=False)
    return ExitCode.OK


def open_session() -> Session:
    """The stack of this checkout."""
    from lab.scenario import load_system
    from lab.testbeds.stack.session import Session

    return Session(load_system(SYSTEM))
