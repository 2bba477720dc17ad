"""System files: found by name or path, read, and checked as a whole."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from lab.errors import Problem, UserError, nearest
from lab.files.yamlmodel import check, in_file_order
from lab.files.yamlsource import parse_yaml, read_text
from lab.registration.world import installed_worlds
from lab.systems.checks import SystemChecks
from lab.systems.topology import System

_SYSTEMS = Path(__file__).parent
_SYSTEM_SUFFIX = ".system.yaml"


def system_names() -> tuple[str, ...]:
    """The systems that come with the lab."""
    return tuple(sorted(p.name.removesuffix(_SYSTEM_SUFFIX) for p in _SYSTEMS.glob(f"*{_SYSTEM_SUFFIX}")))


def missing_worlds() -> tuple[str, ...]:
    """Worlds that systems of the lab need and that are not installed, by name."""
    files = (_SYSTEMS / f"{name}{_SYSTEM_SUFFIX}" for name in system_names())
    named = {parse_yaml(read_text(file), str(file)).get(("world", "name")) for file in files}
    return tuple(sorted(named - {None} - installed_worlds().keys()))


def load_system(name_or_path: str, relative_to: Path | None = None) -> System:
    """A system by name, or from a `*.system.yaml` file relative to a directory.

    UserError with every problem of the file otherwise.
    """
    if name_or_path.endswith(_SYSTEM_SUFFIX):
        path = (relative_to or Path()) / name_or_path
        if relative_to is not None and not path.exists():
            hint = "looked for there: a relative path starts at the directory of the file that names it"
            raise UserError(Problem("no such file", os.path.normpath(path), hint=hint))
        return _read_system(path)
    if name_or_path not in system_names():
        expected, hint = f"a name or a path to a *{_SYSTEM_SUFFIX} file", nearest(name_or_path, system_names())
        raise UserError(Problem(f"unknown system {name_or_path!r}", expected=expected, hint=hint))
    return _read_system(_SYSTEMS / f"{name_or_path}{_SYSTEM_SUFFIX}")


def _read_system(path: Path) -> System:
    return _parsed(read_text(path), str(path))


@lru_cache(maxsize=16)
def _parsed(text: str, file: str) -> System:
    """Parsed once: the scenarios of a suite are of few systems, and a system takes longer to read than a scenario."""
    document = parse_yaml(text, file)
    system, problems = check(document, System)
    problems += SystemChecks(document).problems
    if system is None or problems:
        raise UserError(in_file_order(problems))
    return system
