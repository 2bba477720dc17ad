"""The checkout's own variables: its id, its compose project and the stack's passwords and tokens.

Random, made once, in `.env`: a file that only its owner reads, git ignores, and Compose takes for itself.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.content.stack import parts
from lab.errors import Problem, UserError
from lab.testbeds.stack.options import SYSTEM

CONTROLLED = ("links", "load", "collector")
"""Common services with control endpoints; each knows its own token only."""


def token_name(service: str) -> str:
    """The variable of a service's token."""
    return f"LAB_{service.upper()}_TOKEN"


NAMES = (
    "LAB_DB_ADMIN_PASSWORD", "LAB_CACHE_ADMIN_PASSWORD", "LAB_CACHE_COLLECTOR_PASSWORD", "LAB_GRAFANA_PASSWORD",
    *(token_name(service) for service in CONTROLLED),
    *dict.fromkeys(name for part in parts().values() for name in part.secrets),
)  # fmt: skip
"""Secrets of the common services and of each system's own; services of one name in two systems share theirs."""
CHECKOUT_ID = "LAB_CHECKOUT_ID"
PROJECT = "COMPOSE_PROJECT_NAME"
DIRECTORY = "LAB_CHECKOUT_DIRECTORY"
BY_HAND = {"COMPOSE_FILE": f"docker-compose.yml:docker-compose.{SYSTEM}.yml"}
"""For Compose where a person runs it: the default system's stack. The lab names the files itself."""
OWN = (PROJECT, CHECKOUT_ID, *NAMES)
"""Variables that are read only from the env file, never from the shell."""
FILE = ".env"
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_BYTES = 24
_ID_BYTES = 16
SHORT = 8
"""Digits of the id that are shown; enough to distinguish checkouts."""
_LINE = re.compile(
    r"""
    \s* (?:export\s+)? (?P<name> [^\s=\#]+ ) \s* = \s*
    (?: '(?P<single>[^']*)' | "(?P<double>[^"]*)" | (?P<bare> .*? ) ) (?: \s+\#.* )? \s*
""",
    re.VERBOSE,
)
"""A line as Compose reads it: `export` changes nothing, and a comment may follow."""


def ensure_env(path: Path) -> dict[str, str]:
    """The variables of an env file, with id, project and secrets added where it lacks them; what it has stays.

    But a copy of another checkout gets an id and a project of its own: the other one keeps its stack. A checkout that
    was moved keeps its id. UserError where the file cannot be written, or names a project that Compose would rename.
    """
    try:
        variables = _ensure(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(Problem("the checkout's own variables cannot be kept", str(path), seen=why)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            Problem("the file is no UTF-8 text", str(path), line, 1, seen=f"byte 0x{error.object[error.start]:02x}",
                    hint="Compose does not read it either: save it as UTF-8")
        ) from None  # fmt: skip
    if not _PROJECT.fullmatch(variables[PROJECT]):
        raise UserError(
            Problem(
                f"{PROJECT} is no name of a Compose project", str(path), seen=repr(variables[PROJECT]),
                expected="small letters, digits, - and _, a letter or digit first", hint="delete the line",
            )
        )  # fmt: skip
    return variables


def _ensure(path: Path) -> dict[str, str]:
    with _alone(path.parent):
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found = dict(_pairs(lines))
        here = str(path.parent.resolve())
        if found.get(DIRECTORY, here) != here:
            known = Path(found.pop(DIRECTORY))
            if is_held_by(found.get(CHECKOUT_ID, ""), known, path.parent):
                if is_same_directory(str(known / FILE), path):
                    raise UserError(_shared(path, known))
                found = {name: value for name, value in found.items() if name not in (CHECKOUT_ID, PROJECT)}
        checkout_id = found.get(CHECKOUT_ID) or secrets.token_hex(_ID_BYTES)
        fresh = {PROJECT: f"chaos-lab-{checkout_id[:SHORT]}", CHECKOUT_ID: checkout_id, DIRECTORY: here, **BY_HAND}
        fresh |= {name: secrets.token_hex(_BYTES) for name in NAMES}
        set_variables(path, {name: value for name, value in fresh.items() if not found.get(name)})
        return fresh | {name: value for name, value in found.items() if value}


def _shared(path: Path, other: Path) -> Problem:
    return Problem(
        "two checkouts have one env file between them", str(path), seen=f"the same file as {other / FILE}",
        expected="a file for each: it says whose the stack is", hint=f"remove the link {path}; a file is made anew",
    )  # fmt: skip


def set_variables(path: Path, variables: Mapping[str, str]) -> None:
    """Sets variables of an env file, and leaves its other lines as they are; only its owner may read it."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if variables:
        kept = [line for line in lines if dict(_pairs([line])).keys().isdisjoint(variables)]
        _write(path, "\n".join([*kept, *(f"{name}={value}" for name, value in variables.items())]) + "\n")
    path.chmod(0o600)


def is_held_by(checkout_id: str, other: Path, here: Path) -> bool:
    """Whether another directory is a checkout with this id: where `here` has it too, one is a copy of the other."""
    if is_same_directory(str(other), here):
        return False
    try:
        lines = (other / FILE).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, UnicodeDecodeError):  # there, but not for these eyes: rather a copy than two owners
        return True
    return dict(_pairs(lines)).get(CHECKOUT_ID) == checkout_id


def is_same_directory(path: str, here: Path) -> bool:
    """Whether a path names this directory, as it does through a link or another mount."""
    try:
        return bool(path) and Path(path).samefile(here)
    except OSError:
        return False


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Holds the directory against other labs, so that two that come first agree on one id."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    found = filter(None, map(_LINE.fullmatch, lines))
    return [(line["name"], line["single"] or line["double"] or line["bare"] or "") for line in found]


def _write(path: Path, text: str) -> None:
    """Replaces the file at once; it never exists readable to others, nor half written. A link stays one."""
    path = path.resolve()
    staged = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
