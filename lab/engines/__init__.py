"""RCA engines: what reads `observed/` and says what is wrong. Python ones are found through entry points.

An engine is named by a spec: the name of an installed Python engine (a callable `diagnose(observed: Path) -> Diagnosis`
in the entry-point group `lab.engines`), `cmd:PROGRAM ARGS` (the observed directory is appended, the diagnosis is
printed), an `http:`/`https:` URL (gets the observed directory as a tar.gz POST, answers the diagnosis), or
`rules:FILE`, the reference engine with a rules file of one's own.
"""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from urllib.parse import urlsplit

from lab.contracts import Diagnosis
from lab.errors import Problem, UserError, nearest
from lab.plugins import installed

ENGINE_GROUP = "lab.engines"
COMMAND = "cmd:"
RULES = "rules:"
REMOTE = ("http://", "https://")

Engine = Callable[[Path], Diagnosis]


def engines() -> dict[str, EntryPoint]:
    """The installed Python engines by name, sorted; nothing is imported. UserError where two have one name."""
    return installed(ENGINE_GROUP, "engine")


def rules_file(spec: str) -> Path | None:
    """The rules file that a spec names, None where it names none."""
    return Path(spec.removeprefix(RULES)) if spec.startswith(RULES) else None


def beside(spec: str, directory: Path) -> str:
    """A spec written in a file of this directory, as it is understood here: its rules file lies beside that file."""
    file = rules_file(spec)
    if file is None or file.is_absolute() or not str(file).strip("."):
        return spec
    return RULES + os.path.relpath(directory / file)


def handed_over(spec: str, folder: Path) -> str:
    """The spec for an engine's own process, which may read `folder` and little else: its rules file goes there."""
    file = rules_file(spec)
    if file is None:
        return spec
    copy = folder / "own.rules.yaml"
    copy.write_bytes(file.read_bytes())
    return f"{RULES}{copy}"


def _entry(spec: str) -> EntryPoint:
    name = RULES.rstrip(":") if rules_file(spec) else spec
    problem = _name_problem(name)
    if problem is not None:
        raise UserError(problem)
    return engines()[name]


def load_engine(spec: str) -> Engine:
    """The callable of an installed engine, or of the reference engine with a rules file; UserError otherwise."""
    engine = _entry(spec).load()
    file = rules_file(spec)
    loaded: Engine = engine if file is None else partial(engine, rules=file)
    return loaded


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
    problems = engine_problems(spec)
    if problems:
        raise UserError(problems)


def engine_problems(spec: str) -> tuple[Problem, ...]:
    """Why a spec cannot name an engine, empty where it can; for a rules file, everything that is wrong with it."""
    if spec.startswith(RULES):
        return _rules_problems(spec)
    if spec.startswith(COMMAND):
        problem = _command_problem(spec)
    else:
        problem = _url_problem(spec) if spec.startswith(REMOTE) else _name_problem(spec)
    return (problem,) if problem else ()


def _rules_problems(spec: str) -> tuple[Problem, ...]:
    from lab.engines.rules.tree import known_tree

    name = spec.removeprefix(RULES)
    if not name.strip() or "\0" in name:
        return (Problem(f"engine {spec!r} names no file", expected="rules:FILE, such as rules:my.rules.yaml"),)
    try:
        known_tree(Path(name))
    except UserError as error:
        return error.problems
    return ()


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
    expected = "an installed engine (`lab engines`), rules:FILE, cmd:PROGRAM ARGS or an http URL"
    return Problem(f"unknown engine {name!r}", expected=expected, hint=nearest(name, known))
