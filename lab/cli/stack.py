"""`lab stack`: starts and stops the real stack, and shows its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from lab.cli.console import json_option
from lab.errors import ExitCode, Problem, UserError, nearest
from lab.testbeds.stack.changes import warn_of_changes
from lab.testbeds.stack.options import LAB, MODEL_SERVERS, SYSTEM

if TYPE_CHECKING:
    from lab.testbeds.stack.session import Session

_EPILOG = f"""\b
Examples:
  lab stack up SYSTEM                      its stack is built, started and healthy
  lab stack up SYSTEM --model-server tensorflow
  lab stack status SYSTEM
  lab run SYSTEM/SCENARIO --testbed stack --time-scale 5
  lab stack abort SYSTEM                   abort the run of another terminal and restore everything
  lab stack down SYSTEM --volumes

Where no SYSTEM is named, {SYSTEM} is meant.
"""


class SystemName(click.ParamType[str]):
    """A system that there are services for."""

    name = "system"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from lab.content.stack import needed
        from lab.systems.files import load_system

        served = needed(load_system(value))[1].system
        if value != served:
            what = f"the stack does not serve the system {value!r}"
            raise UserError(Problem(what, expected=served, hint="the testbed sim runs any system"))
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from lab.content.stack import parts

        return [CompletionItem(name) for name in parts() if name.startswith(incomplete)]


of_system = click.argument("system", type=SystemName(), default=SYSTEM, metavar="[SYSTEM]")
"""The system whose stack is meant; the default one where none is named."""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Start, inspect and stop the docker-compose stack of a system, or abort a run on it.

    Each system has a stack of its own, and several can run side by side.
    """


@command.command()
@of_system
@click.option("--no-build", is_flag=True, show_envvar=True, help="Use the existing images.")
@click.option("--load-workers", type=click.IntRange(min=1), default=1, show_default=True, show_envvar=True,
              help="Worker processes of the load.")  # fmt: skip
@click.option("--model-server", type=click.Choice(MODEL_SERVERS), default=LAB, show_default=True, show_envvar=True,
              help="The lab's own model server, or the official TensorFlow Serving.")  # fmt: skip
def up(system: str, no_build: bool, load_workers: int, model_server: str) -> int:
    """Build images, start every service of a system, wait until all are healthy.

    Writes .env with fresh passwords if there is none. With another --model-server than the one that runs, the model is
    brought up anew.
    """
    session = open_session(system)
    warn_of_changes(session, model_server, load_workers)
    seen: dict[str, str] = {}

    def tick(states: dict[str, str]) -> None:
        for name, state in states.items():
            if seen.get(name) != state:
                click.echo(f"{name}: {state}", err=True)
        seen.update(states)

    session.up(build=not no_build, anew=True, load_workers=load_workers, model_server=model_server, tick=tick)
    click.echo("the stack is up and healthy")
    return ExitCode.OK


@command.command()
@of_system
@click.option("--volumes", is_flag=True, show_envvar=True, help="Delete the data too.")
def down(system: str, volumes: bool) -> int:
    """Stop and remove the containers and networks of a system of this checkout.

    Containers of profiles, such as Prometheus, go as well. What others have under the project's name is left alone, and
    named: exit code 2.
    """
    from lab.testbeds.stack.strangers import refuse_strangers

    session = open_session(system)
    with session.lock.held(), session.lock.ending("taking the stack down"):
        session.down(volumes=volumes)
    click.echo("the stack is down")
    refuse_strangers(session.compose)
    return ExitCode.OK


@command.command()
@of_system
@json_option
def status(system: str, as_json: bool) -> int:
    """Show the services, the running lab, and what a killed lab left.

    Ends with 1 unless all services are healthy and nothing is left. Changes of a running lab do not count.
    """
    from dataclasses import asdict

    from lab.cli.console import write_json
    from lab.testbeds.stack import live
    from lab.testbeds.stack.recovery import LOST, open_everywhere, unknown
    from lab.testbeds.stack.strangers import in_the_way, predecessors

    session = open_session(system)
    running = session.compose.running_model_server()
    session.compose.model_server = running or LAB
    states = session.compose.health()
    look = session.lock.look()
    holder = look.holder if look.is_held else None
    own = Path(holder.state_directory) if holder else None
    left = open_everywhere(session.lock, session.state, but=own)
    lost = unknown(session.lock, session.state, but=own)
    about = live.described(holder) if holder else None
    if as_json:
        undos = [asdict(undo) | {"journal": str(journal.path)} for journal, undo in left]
        document = {"schema_version": 1, "model_server": running or None, "services": states}
        write_json({**document, "live": about, "not_reverted": undos, "unknown": [str(one) for one in lost]})
    else:
        for name, state in states.items():
            click.echo(f"{'✓' if state == 'healthy' else '✗'} {name:<10} {state}")
        if running:
            click.echo(f"model server: {running}")
        if states["model"] != "healthy" and session.lacks_versions():
            up = _command("up", system) + (f" --model-server {running}" if running != LAB else "")
            click.echo(f"✗ model has no version to serve; `{up}` publishes the first ones, and so does any run")
        for line in live.lines(holder) if holder else ():
            click.echo(line)
        for journal, undo in left:
            then = "after that, run" if holder else "run"
            click.echo(f"✗ not reverted: {undo.lever} of {undo.element} ({journal.path}); {then}: lab recover")
        for directory in lost:
            click.echo(f"✗ unknown {LOST}: {directory}; to solve it: {_command('down', system)} --volumes")
    for problem in [*in_the_way(session.compose), *predecessors(session.compose)]:
        click.echo(str(problem), err=True)
    changed = {lever["element"] for lever in about["levers"] or ()} if about else set()
    well = {state for name, state in states.items() if name not in changed} <= {"healthy"} and not left and not lost
    return ExitCode.OK if well else ExitCode.FAILED


@command.command()
@of_system
@json_option
def abort(system: str, as_json: bool) -> int:
    """Abort the run on the stack of a system, and restore everything.

    The lab in the other terminal restores its levers, removes what it started, and ends with 130. If it is stopped or
    hangs, it is killed, and this command restores everything. Without a running lab, nothing happens. Ends with 6 and
    instructions if something cannot be restored.
    """
    from dataclasses import asdict

    from lab.cli.console import write_json
    from lab.testbeds.stack import live
    from lab.testbeds.stack.abort import end_live
    from lab.testbeds.stack.lock import lock_to_look_at

    def report(line: str) -> None:
        click.echo(line, err=True)

    lock = lock_to_look_at(system)
    ended = end_live(lock, report, meanwhile=_load_session)
    if ended is not None and (ended.killed or ended.left):
        _put_back(system, ended.before, report)
    if as_json:
        about = None if ended is None else live.described(ended.holder) | {"levers": []}
        reverted = [asdict(undo) for undo in ended.reverted + ended.left] if ended else []
        killed = ended is not None and ended.killed
        write_json({"schema_version": 1, "aborted": about, "killed": killed, "reverted": reverted})
    elif ended is None:
        click.echo("no lab holds the stack: nothing to end")
    else:
        how = "was killed" if ended.killed else "has ended"
        click.echo(f"{ended.holder.command} (pid {ended.holder.pid}) {how}; everything is put back")
    return ExitCode.OK


def _load_session() -> None:
    """Imports what putting back needs, which takes as long as it."""
    import docker  # noqa: F401

    import lab.testbeds.stack.session  # noqa: F401


def _put_back(system: str, before: Mapping[str, Any] | None, report: Callable[[str], None]) -> None:
    """What a killed lab left, and what it would have taken down."""
    from lab.testbeds.stack.belongings import Belongings

    session = open_session(system)
    with session.lock.held():
        session.lock.show_activity(phase="putting back what an aborted lab left")
        for undo in session.recover():
            report(f"reverted {undo.lever} of {undo.element}")
        if before is not None:
            report("taking down what it brought up")
            with session.lock.ending("taking down what it brought up"):
                had = str(before.get("model_server", "")), int(before.get("load_workers", 0))
                session.go_back_to(Belongings.from_json(before), *had)


@command.command()
@click.argument("services", nargs=-1)
@click.option(
    "--system", type=SystemName(), default=SYSTEM, show_default=True, show_envvar=True, help="The system of the stack."
)
@click.option(
    "--tail", type=click.IntRange(min=1), default=100, show_default=True, show_envvar=True, help="Lines each."
)
def logs(services: tuple[str, ...], system: str, tail: int) -> int:
    """Print the last log lines of the services."""
    from lab.testbeds.stack.strangers import refuse_strangers

    session = open_session(system)
    session.compose.model_server = session.compose.running_model_server() or LAB
    known = {*session.compose.services, *session.compose.containers()}
    for name in services:
        if name not in known:
            raise click.UsageError(f"unknown service {name!r}; {nearest(name, known)}")
    refuse_strangers(session.compose)
    session.compose.run("logs", "--no-color", f"--tail={tail}", *services, quiet=False)
    return ExitCode.OK


@command.command()
@of_system
@json_option
def size(system: str, as_json: bool) -> int:
    """Show the size of the images, and of all their layers, each counted once.

    Ends with 5 if no image is built.
    """
    from dataclasses import asdict

    from lab.cli.console import write_json
    from lab.testbeds.stack.images import image_names, sizes, table

    compose = open_session(system).compose
    measured = sizes(compose.client, image_names(compose))
    if as_json:
        write_json({"schema_version": 1, **asdict(measured)})
    elif measured.images:
        click.echo("\n".join(table(measured)))
    else:
        click.echo(f"no image is built; run: {_command('up', system)}", err=True)
    return ExitCode.OK if measured.images else ExitCode.NOTHING_SELECTED


def _command(name: str, system: str) -> str:
    """What a person types for a system."""
    return f"lab stack {name}" + (f" {system}" if system != SYSTEM else "")


def open_session(system: str = SYSTEM) -> Session:
    """The stack of a system of this checkout."""
    from lab.systems.files import load_system
    from lab.testbeds.stack.session import Session

    return Session(load_system(system))
