"""Where scenarios, suites and systems are found: by path, or by the name of a shipped one."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import Problem, UserError, nearest
from lab.scenario.system_checks import SystemChecks
from lab.topology import System
from lab.yamlmodel import check, in_file_order
from lab.yamlsource import read_yaml

_LAB = Path(__file__).resolve().parents[1]
_SYSTEMS = _LAB / "systems"
_SYSTEM_SUFFIX = ".system.yaml"
_KINDS = {".scenario.yaml": "scenario", ".suite.yaml": "suite", _SYSTEM_SUFFIX: "system"}


def shipped_directory() -> Path:
    """The directory of shipped scenarios and suites: inside the package in a wheel, beside it in a checkout."""
    in_wheel = _LAB / "shipped"
    return in_wheel if in_wheel.is_dir() else _LAB.parent / "scenarios"


def shipped_names(suffix: str) -> dict[str, Path]:
    """Names without suffix, such as `recommender/stale-cache`, of the shipped files that end in a suffix."""
    top = shipped_directory()
    return {str(p.relative_to(top).as_posix()).removesuffix(suffix): p for p in sorted(top.rglob(f"*{suffix}"))}


def shipped_name(path: Path, suffix: str) -> str | None:
    """The name under which a file is shipped, None for a file of somebody's own."""
    real = path.resolve()
    return next((name for name, shipped in shipped_names(suffix).items() if shipped.resolve() == real), None)


def find_file(path_or_name: str | Path, suffix: str, what: str, relative_to: Path | None = None) -> Path:
    """A path as given (relative to a directory if one is given), or the file of a shipped name.

    UserError with the nearest shipped name where it is neither; a path to nothing is left to the reader.
    """
    path = Path(path_or_name) if relative_to is None else relative_to / path_or_name
    other = next((kind for end, kind in _KINDS.items() if path.name.endswith(end) and end != suffix), None)
    if other is not None:
        raise UserError(Problem(f"this is a {other} file, not a {what}", str(path), expected=f"a *{suffix} file"))
    if isinstance(path_or_name, Path) or path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    names = shipped_names(suffix)
    if path_or_name in names:
        return names[path_or_name]
    if path.is_dir():
        raise UserError(Problem("this is a directory", str(path), expected=f"a {what} file or name"))
    hint = nearest(path_or_name, names)
    raise UserError(Problem(f"unknown {what} {path_or_name!r}", expected=f"a *{suffix} file or a name", hint=hint))


def system_names() -> tuple[str, ...]:
    """The systems that come with the lab."""
    return tuple(sorted(p.name.removesuffix(_SYSTEM_SUFFIX) for p in _SYSTEMS.glob(f"*{_SYSTEM_SUFFIX}")))


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
    document = read_yaml(path)
    system, problems = check(document, System)
    problems += SystemChecks(document).problems
    if system is None or problems:
        raise UserError(in_file_order(problems))
    return system
