"""`lab train`: incidents to solve in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli import completing
from lab.cli.console import GivenPath, option
from lab.errors import ExitCode, Problem, UserError

if TYPE_CHECKING:
    import socket

    from lab.investigation.exercises import Course
    from lab.investigation.training import Training

PORT = 8765
STATE = "training"
"""The directory below LAB_STATE_DIR, or below what the system has for such things."""

_EPILOG = """\b
Examples:
  lab train                                every course there is, on this machine only
  lab train mine.course.yaml               also your own course
  lab train mine.scenario.yaml             also your own incident
  lab train --export-quiz page.html on-call-1
                                           one exercise as a file that needs no server
  lab train --group --host 0.0.0.0         for several people on a network that you trust

\b
Open the link that is printed: it has a token. Sessions are kept, also when the server ends; a link stays the same
while its state directory does. Recordings that were made are kept there too.
With --group there are two links: one for participants, who give a name, and one for the instructor, who sees how far
each is, and releases the debriefs.
"""


@click.command(epilog=_EPILOG)
@click.argument("targets", metavar="[COURSE_OR_SCENARIO]...", nargs=-1, shell_complete=completing.scenarios)
@option("--group", is_flag=True, help="Several participants, and an instructor who releases the debriefs.")
@option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@option("--name", "names", multiple=True, help="Another name under which the server is reached; may be repeated.")
@option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Where to listen; 0: any free.")
@option("--open/--no-open", "is_opened", default=None, help="Open the browser. [default: on a terminal]")
@option("--state", type=GivenPath(file_okay=False),
        help="Where sessions and recordings are kept. [default: the user's state directory]")  # fmt: skip
@option("--export-quiz", "quiz", metavar="FILE", type=GivenPath(dir_okay=False),
        help="Write one exercise as an HTML file that needs no server, and end.")  # fmt: skip
@option("--workers", type=click.IntRange(1, 64), help="Processes that simulate. [default: one for each CPU but one]")
def command(
    *, targets: tuple[str, ...], group: bool, host: str, names: tuple[str, ...], port: int, is_opened: bool | None,
    state: Path | None, quiz: Path | None, workers: int | None,
) -> int:  # fmt: skip
    """Solve incidents in the browser, alone or in a group.

    COURSE_OR_SCENARIO is a course or scenario file, or the name of a shipped one; the shipped courses are
    always there. Answers are graded as an engine's are.
    """
    if quiz is not None:
        from lab.cli.quiz_export import export

        export(targets, quiz, state or state_directory())
        return ExitCode.OK
    from lab.investigation.alone import alone
    from lab.investigation.exercises import courses

    offered = courses(targets)
    if not offered:
        hint = "give a course or a scenario"
        raise UserError(Problem("there is nothing to solve", expected="a course with an exercise", hint=hint))
    directory = state or state_directory()
    with alone(directory), _listening(host, port) as listening:
        _train(offered, directory, group, workers or _spare(), partial(_serve, listening, host, names, is_opened))
    return ExitCode.OK


def _train(
    offered: Sequence[Course], directory: Path, group: bool, workers: int, serve: Callable[[Training], None]
) -> None:
    from lab.cli.console import stderr
    from lab.investigation.tidying import tidy
    from lab.investigation.training import Training
    from lab.investigation.workers import Workers
    from lab.runs.pool import clear_leftovers

    clear_leftovers(directory / "runs")
    training = Training(offered, directory, is_group=group, workers=Workers(workers))
    tidy(directory, training.needed)
    if past := len(training.past):
        stderr().print(
            f"note: {past} sessions are listed as past: their exercises are not offered now, or were changed\n"
            "  hint:     name their course or scenario too; with the same files one can go on with them"
        )
    try:
        serve(training)
    except KeyboardInterrupt:
        stderr().print("ended; sessions are kept")
    finally:
        training.close()


def state_directory() -> Path:
    """Where sessions are kept unless one says otherwise."""
    import os

    from platformdirs import user_state_path

    named = os.environ.get("LAB_STATE_DIR")
    return (Path(named) if named else user_state_path("chaos-lab", appauthor=False)) / STATE


def _spare() -> int:
    from lab.runs.pool import default_workers

    return max(1, default_workers() - 1)


def _listening(host: str, port: int) -> socket.socket:
    """The socket of the server; UserError where it cannot listen there."""
    import socket

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(Problem("no such host", seen=host, expected="an address or name of this machine")) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        hint = "choose another one with --port; --port 0 takes any that is free"
        why = (error.strerror or str(error)).lower()
        raise UserError(Problem(f"cannot listen on {host}:{port}", seen=why, hint=hint)) from error
    return listening


def _serve(
    listening: socket.socket, host: str, names: tuple[str, ...], is_opened: bool | None, training: Training
) -> None:
    import socket
    import sys

    import uvicorn

    from lab.api.app import Tokens, create_app
    from lab.api.connections import Timely
    from lab.api.security import is_loopback
    from lab.cli.console import stderr

    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    if not is_loopback(host):
        stderr().print(
            f"warning: others on the network can reach {host}:{port}; whoever has a link can use it, and what is sent "
            "is not encrypted. Do this only on a network that you trust."
        )
        names = (*names, socket.gethostname(), socket.getfqdn())
        shown = socket.gethostname() if host in ("0.0.0.0", "::") else shown
    roles = ("joining", "instructor") if training.is_group else ("solo",)
    links = {role: training.store.secret(role) for role in roles}
    app = create_app(
        training, Tokens({token: role for role, token in links.items()}), host=host, port=port, names=names
    )
    urls = {role: f"http://{shown}:{port}/?token={token}" for role, token in links.items()}
    is_opened = is_opened or (is_opened is None and sys.stdout.isatty() and is_loopback(host))
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=3, lifespan="on",
        http=Timely, h11_max_incomplete_event_size=32 * 1024, timeout_keep_alive=15, limit_concurrency=1000, ws="none",
    )  # fmt: skip

    class Server(uvicorn.Server):
        """Tells where it is once it answers and hears signals: before, one may be lost among what is still imported."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.started:  # an older uvicorn ends only after this
                return
            _announce(urls)
            if is_opened:
                _open_browser(urls[roles[-1]])

    Server(config).run(sockets=[listening])


def _open_browser(url: str) -> None:
    import threading
    import webbrowser

    # Some browsers hold up who opens them for as long as they run.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _announce(urls: dict[str, str]) -> None:
    if "solo" in urls:
        click.echo(f"Training on {urls['solo']}  (Ctrl-C ends it; sessions are kept)")
    else:
        click.echo("Training of a group  (Ctrl-C ends it; sessions are kept)")
        click.echo(f"  for participants    {urls['joining']}")
        click.echo(f"  for the instructor  {urls['instructor']}")
