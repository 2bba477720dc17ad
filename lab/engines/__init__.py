"""RCA engines: what reads `observed/` and says what is wrong. Python ones are found through entry points.

An engine is named by a spec: the name of an installed Python engine (a callable `diagnose(observed: Path) -> Diagnosis`
in the entry-point group `lab.engines`), `cmd:PROGRAM ARGS` (the observed directory is appended, the diagnosis is
printed), or an `http:`/`https:` URL (gets the observed directory as a tar.gz POST, answers the diagnosis).
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from urllib.parse import urlsplit

from lab.contracts import Diagnosis
from lab.errors import UserError, nearest

ENGINE_GROUP = "lab.engines"
COMMAND = "cmd:"
REMOTE = ("http://", "https://")

Engine = Callable[[Path], Diagnosis]


def engines() -> dict[str, EntryPoint]:
    """The installed Python engines by name, sorted; nothing is imported."""
    return {entry.name: entry for entry in sorted(entry_points(group=ENGINE_GROUP), key=lambda e: e.name)}


def _entry(name: str) -> EntryPoint:
    known = engines()
    if name not in known:
        raise UserError(f"unknown engine {name!r}; {nearest(name, known)} (or cmd:PROGRAM, or an http URL)")
    return known[name]


def load_engine(name: str) -> Engine:
    """The callable of an installed engine; UserError with the nearest name otherwise."""
    engine: Engine = _entry(name).load()
    return engine


def engine_doc(name: str) -> str:
    """What an installed engine says of itself: its function's docstring, else its module's."""
    engine = load_engine(name)
    return inspect.getdoc(engine) or inspect.getdoc(inspect.getmodule(engine)) or ""


def check_engine(spec: str) -> None:
    """UserError when a spec cannot name an engine: before a campaign starts, not in its middle."""
    if spec.startswith(COMMAND):
        try:
            words = shlex.split(spec.removeprefix(COMMAND))
        except ValueError as error:
            raise UserError(f"engine {spec!r} is not a command line: {error}") from error
        if not words:
            raise UserError(f"engine {spec!r} names no program; expected cmd:PROGRAM ARGS")
    elif spec.startswith(REMOTE):
        if not urlsplit(spec).hostname:
            raise UserError(f"engine {spec!r} is not a URL with a host")
    else:
        _entry(spec)
