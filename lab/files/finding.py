"""Where scenario, suite and course files are found: by path, or by the name of a shipped one."""

from __future__ import annotations

from pathlib import Path

from lab.errors import Problem, UserError, nearest

_LAB = Path(__file__).resolve().parents[1]
_KINDS = {".scenario.yaml": "scenario", ".suite.yaml": "suite", ".course.yaml": "course", ".system.yaml": "system"}


def shipped_directory() -> Path:
    """The directory of what is shipped to be run or solved: inside the package in a wheel, beside it in a checkout."""
    in_wheel = _LAB / "shipped"
    return in_wheel if in_wheel.is_dir() else _LAB.parent / "scenarios"


def shipped_names(suffix: str) -> dict[str, Path]:
    """Names without suffix, such as `SYSTEM/SCENARIO`, of the shipped files that end in a suffix."""
    top = shipped_directory()
    return {str(p.relative_to(top).as_posix()).removesuffix(suffix): p for p in sorted(top.rglob(f"*{suffix}"))}


def shipped_name(path: Path, suffix: str) -> str | None:
    """The name under which a file is shipped; None for other files."""
    real, top = path.resolve(), shipped_directory().resolve()
    if not (real.name.endswith(suffix) and real.is_relative_to(top) and real.is_file()):
        return None
    return real.relative_to(top).as_posix().removesuffix(suffix)


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
