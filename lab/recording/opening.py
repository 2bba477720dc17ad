"""Opens a recording if it is complete, of this version and unchanged since it was written; else an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from lab.errors import Problem, UserError
from lab.files.fileio import reason, sha256_of
from lab.recording.checking import content_problems, read_json
from lab.recording.rundir import RUN_FILE, RunDirectory, sealed
from lab.recording.schema import SCHEMA_VERSION

CLOSED = ("observed", "truth")
"""Folders that hold what was written at first and nothing else; answers, grades and reports come later, beside them."""
REQUIRED = (
    "events.jsonl", "observed/metrics.parquet", "observed/system.json", "truth/effects.json", "truth/faults.json",
)  # fmt: skip
_AGAIN = "run the scenario again: the same seed gives the same bytes"


def open_run(path: Path, *, verify: bool = True) -> RunDirectory:
    """Opens a recording; UserError where it is incomplete, of another version, or changed since it was written."""
    run_file = path / RUN_FILE
    if not run_file.is_file():
        hint = "give the directory that holds run.json, e.g. runs/<scenario>/<seed>-<hash>"
        raise UserError(Problem("not a recording", str(path), expected=f"a directory with {RUN_FILE}", hint=hint))
    try:
        meta = read_json(run_file)
        version, sums = meta["schema_version"], {str(name): str(digest) for name, digest in meta["checksums"].items()}
    except OSError as error:
        raise UserError(Problem("unreadable recording", str(run_file), seen=reason(error))) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        seen = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        expected = "a JSON object with 'schema_version' and 'checksums'"
        raise UserError(
            Problem("unreadable recording", str(run_file), seen=seen, expected=expected, hint=_AGAIN)
        ) from error
    if version != SCHEMA_VERSION:
        raise UserError(_other_version(run_file, meta))
    if verify:
        problem = next(_changes(path, meta, sums), None)
        if problem is not None:
            raise UserError(problem)
        problems = list(content_problems(path, sums))
        if problems:
            raise UserError(problems)
    return RunDirectory(path, meta)


def _other_version(run_file: Path, meta: Mapping[str, Any]) -> Problem:
    """What to do with a recording whose form this lab does not read."""
    made_by, scenario = meta.get("lab_version"), meta.get("scenario")
    name = scenario.get("name") if isinstance(scenario, Mapping) else None
    again = f"lab run {name or 'SCENARIO'} --seed {meta.get('seed', 'SEED')}"
    with_older = f", or read it with the lab that made it, version {made_by}" if made_by else ""
    return Problem(
        "recording of another schema version", str(run_file), seen=f"schema_version {meta['schema_version']!r}",
        expected=f"schema_version {SCHEMA_VERSION}", hint=f"record it again with this lab ({again}){with_older}",
    )  # fmt: skip


def _changes(path: Path, meta: dict[str, Any], sums: dict[str, str]) -> Iterator[Problem]:
    """What is no longer as it was written, `run.json` first: the other checksums are worth what it is worth."""
    own = sums.get(RUN_FILE)
    if own is None:
        what = "recording without a checksum of run.json: made by an older lab, or changed"
        yield Problem(what, str(path / RUN_FILE), expected=f"checksums[{RUN_FILE!r}]", hint=_AGAIN)
    elif sealed(meta)["checksums"][RUN_FILE] != own:
        yield _changed(path / RUN_FILE, sealed(meta)["checksums"][RUN_FILE], own)
    for name, expected in sums.items():
        if not _inside(name):
            yield Problem("recording lists a file outside of itself", str(path / RUN_FILE), seen=repr(name))
        elif name != RUN_FILE:
            yield from _content_changes(path / name, expected)
    for name in REQUIRED:
        if name not in sums:
            yield Problem("recording without a checksum of this file", str(path / name), hint=_AGAIN)
    for folder in CLOSED:
        for file in sorted((path / folder).rglob("*")):
            if not file.is_dir() and file.relative_to(path).as_posix() not in sums:
                what = "recording was changed: this file was added"
                yield Problem(what, str(file), hint="move it out of the recording")


def _content_changes(file: Path, expected: str) -> Iterator[Problem]:
    try:
        seen = sha256_of(file)
    except (FileNotFoundError, NotADirectoryError):
        seen = "missing"
    except OSError as error:
        yield Problem("cannot be read", str(file), seen=reason(error))
        return
    if seen != expected:
        yield _changed(file, seen, expected)


def _inside(name: str) -> bool:
    """Whether a name leads to a file under the recording, by itself and without detours."""
    plain = PurePosixPath(name)
    return "\0" not in name and plain.as_posix() == name and not {"/", ".."} & set(plain.parts)


def _changed(file: Path, seen: str, expected: str) -> Problem:
    return Problem("recording was changed", str(file), seen=seen[:16], expected=expected[:16], hint=_AGAIN)


def find_runs(root: Path) -> list[Path]:
    """Run directories under a root (or the root itself), sorted."""
    if (root / RUN_FILE).is_file():
        return [root]
    return sorted(p.parent for p in root.glob(f"*/*/{RUN_FILE}") if not p.parent.name.startswith("."))
