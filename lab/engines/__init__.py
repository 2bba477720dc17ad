"""RCA engines: what reads `observed/` and says what is wrong. Python ones are found through entry points.

An engine is named by a spec: the name of an installed Python engine (a callable `diagnose(observed: Path) -> Diagnosis`
in the entry-point group `lab.engines`), `cmd:PROGRAM ARGS` (the observed directory is appended, the diagnosis is
printed), or an `http:`/`https:` URL (gets the observed directory as a tar.gz POST, answers the diagnosis).
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from urllib.parse import urlsplit

from lab.contracts import Diagnosis
from lab.errors import Problem, UserError, nearest
from lab.plugins import installed

ENGINE_GROUP = "lab.engines"
COMMAND = "cmd:"
REMOTE = ("http://", "https://")

Engine = Callable[[Path], Diagnosis]


def engines() -> dict[str, EntryPoint]:
    """The installed Python engines by name, sorted; nothing is imported. UserError where two have one name."""
    return installed(ENGINE_GROUP, "engine")


def _entry(name: str) -> EntryPoint:
    problem = _name_problem(name)
    if problem is not None:
        raise UserError(problem)
    return engines()[name]


def load_engine(name: str) -> Engine:
    """The callable of an installed engine; UserError with the nearest name otherwise."""
    engine: Engine = _entry(name).load()
    return engine


def top_module(name: str) -> str:
    """The top-level module that an installed engine lies in."""
    return _entry(name).module.split(".")[0]


def engine_doc(name: str) -> str:
    """What an installed engine says of itself; it is imported here."""
    return documentation(load_engine(name))


def documentation(engine: Engine) -> str:
    """What an engine says of itself: its function's docstring, else its module's."""
    return inspect.getdoc(engine) or inspect.getdoc(inspect.getmodule(engine)) or ""


def check_engine(spec: str) -> None:
    """UserError when a spec cannot name an engine: before a campaign starts, not in its middle."""
    problem = engine_problem(spec)
    if problem is not None:
        raise UserError(problem)


def engine_problem(spec: str) -> Problem | None:
    """Why a spec cannot name an engine, None where it can."""
    if spec.startswith(COMMAND):
        return _command_problem(spec)
    return _url_problem(spec) if spec.startswith(REMOTE) else _name_problem(spec)


def _command_problem(spec: str) -> Problem | None:
    try:
        words = shlex.split(spec.removeprefix(COMMAND))
    except ValueError as error:
        return Problem(f"engine {spec!r} is not a command line: {error}", expected="cmd:PROGRAM ARGS")
    if "\0" in spec:
        return Problem(f"engine {spec!r} holds a null character", expected="cmd:PROGRAM ARGS")
    return None if words else Problem(f"engine {spec!r} names no program", expected="cmd:PROGRAM ARGS")


def _url_problem(spec: str) -> Problem | None:
    expected = "http://HOST:PORT/PATH"
    if any(character.isspace() or not character.isprintable() for character in spec):
        return Problem(f"engine {spec!r} is not a URL: it holds a space or a control character", expected=expected)
    try:
        url = urlsplit(spec)
        host, _ = url.hostname, url.port  # the port is only read, and refused, when asked for
    except ValueError as error:
        return Problem(f"engine {spec!r} is not a URL: {error}", expected=expected)
    return None if host else Problem(f"engine {spec!r} is not a URL with a host", expected=expected)


def _name_problem(name: str) -> Problem | None:
    known = engines()
    if name in known:
        return None
    expected = "an installed engine (`lab engines`), cmd:PROGRAM ARGS or an http URL"
    return Problem(f"unknown engine {name!r}", expected=expected, hint=nearest(name, known))
