"""`lab mcp`: an exercise for an agent, by the Model Context Protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import click

from lab.cli import completing
from lab.cli.console import GivenPath, option
from lab.errors import ExitCode, Problem, UserError

if TYPE_CHECKING:
    from lab.mcp.calling import Api

STATE = "agents"
"""The directory below LAB_STATE_DIR, or below what the system has for such things."""
UNUSED_S = 24 * 3600.0
"""How long nobody has looked at a recording with actions that may be removed: no agent's session lasts that long."""
INSTALL = "pip install 'chaos-lab[mcp]'"

_EPILOG = """\b
Examples:
  lab mcp --exercise on-call-1                     an exercise of a course, as `lab train` lists them
  lab mcp --exercise mine.scenario.yaml            any scenario, shipped or your own
  LAB_MCP_TOKEN=… lab mcp --exercise on-call-1 --url http://127.0.0.1:8765
                                                   on a `lab train` that runs: the token is the one of its link

\b
This is a program that an agent's client starts, and talks to on stdin and stdout. In the configuration of most clients:
  {"mcpServers": {"incident": {"command": "lab", "args": ["mcp", "--exercise", "on-call-1"]}}}
Its tools are the operations of the investigation API on a new session. The agent sees what was observed up to the
session's clock, and is told its grade when it has submitted a diagnosis.
"""


@click.command(epilog=_EPILOG)
@option("--exercise", required=True, metavar="ID|SCENARIO", shell_complete=completing.scenarios,
        help="What the agent is to solve: an exercise's id, or a scenario's file or name.")  # fmt: skip
@option("--state", type=GivenPath(file_okay=False),
        help="Where the session and the recording are kept. [default: the user's state directory]")  # fmt: skip
@option("--url", help="A server that runs, instead of one within this process: the link that `lab train` printed.")
@option("--token", help="Who the agent is on that server. Set the variable: others can read a command line.")
def command(*, exercise: str, state: Path | None, url: str | None, token: str | None) -> int:
    """Let an agent solve an exercise, by the Model Context Protocol.

    Serves the operations of the investigation API as tools on stdin and stdout. An agent's answer is graded as those of
    people and engines are.
    """
    _check_installed()
    import anyio

    if url is not None and state is not None:
        hint = "leave one of them out: with --url, that server keeps the session"
        raise UserError(Problem("--state and --url exclude each other", hint=hint))
    opened = _on_server(url, token) if url is not None else _in_process(exercise, state)

    async def serve() -> None:
        from lab.mcp.server import serve

        async with opened as (api, found):
            await serve(api, found or exercise)

    try:
        anyio.run(serve)
    except BaseExceptionGroup as group:  # of what goes on side by side
        errors = [one for one in _each(group) if isinstance(one, UserError)]
        if not errors:
            raise
        raise UserError([problem for error in errors for problem in error.problems]) from None
    return ExitCode.OK


def _each(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The errors of a group and of the groups in it."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _each(one)
        else:
            yield one


def _check_installed() -> None:
    from importlib.util import find_spec

    if missing := [name for name in ("mcp", "httpx2") if find_spec(name) is None]:
        what = f"lab mcp needs {' and '.join(missing)}, which the extra `mcp` brings"
        raise UserError(Problem(what, hint=f"install it: {INSTALL}"))


@asynccontextmanager
async def _in_process(target: str, state: Path | None) -> AsyncIterator[tuple[Api, str]]:
    """The API of a server in this process, and the id of the exercise there."""
    from lab.cli.exercises import named
    from lab.cli.train import state_directory
    from lab.investigation.tidying import tidy
    from lab.investigation.training import Training
    from lab.investigation.workers import Workers
    from lab.mcp.hosting import hosted

    offered, exercise = named(target)
    directory = state or state_directory().parent / STATE
    tidy(directory, needed=(), unused_s=UNUSED_S)  # other agents may work there now
    training = Training(offered, directory, workers=Workers(1))
    try:
        async with hosted(training) as api:
            yield api, exercise.id
    finally:
        training.close()


@asynccontextmanager
async def _on_server(url: str, token: str | None) -> AsyncIterator[tuple[Api, str]]:
    """The API of a server that runs. Its link may be given with its token."""
    import httpx2

    from lab.mcp.calling import Api

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(Problem("not the address of a server", seen=url, expected="http://HOST:PORT"))
    token = token or next(iter(parse_qs(parts.query).get("token", ())), None)
    if not token:
        hint = "set LAB_MCP_TOKEN to what follows ?token= in the link that `lab train` printed"
        raise UserError(Problem("no token", expected="who the agent is on that server", hint=hint))
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=f"{parts.scheme}://{parts.netloc}", headers=headers, timeout=60) as client:
        yield Api(client), ""
