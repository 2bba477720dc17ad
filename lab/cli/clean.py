"""`lab clean`: removes recordings that newer ones have superseded."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lab.cli.console import json_option, option, runs_option

_NAME = re.compile(r"[0-9]+-[0-9a-f]{8}")

_EPILOG = """\b
Examples:
  lab clean --dry-run                      what would be removed, and its size
  lab clean
  lab clean --all --runs-dir old-runs
"""


@click.command(epilog=_EPILOG)
@runs_option
@option("--all", "everything", is_flag=True, help="Remove every recording, not only the replaced ones.")
@option("--dry-run", is_flag=True, help="Only show what would be removed.")
@json_option
def command(*, runs_dir: Path, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Remove recordings that newer ones have replaced.

    The latest recording of each scenario and seed on each testbed stays. Only recordings are removed, including
    incomplete ones of a killed lab.
    """
    from lab.cli.console import stdout, write_json
    from lab.recording.holding import held

    chosen = [*_recordings(runs_dir, everything), *_left(runs_dir)]
    sizes = {path: _bytes(path) for path in chosen}
    for path in () if dry_run else chosen:
        with held(path):
            shutil.rmtree(path, ignore_errors=True)
    if as_json:
        paths = [str(path) for path in chosen]
        write_json({"schema_version": 1, "removed": paths, "bytes": sum(sizes.values()), "dry_run": dry_run})
        return
    console = stdout()
    for path, size in sizes.items():
        console.print(f"{path}  {size / 1e6:.1f} MB", soft_wrap=True)
    word = "would be removed" if dry_run else "removed"
    many = "recording" if len(chosen) == 1 else "recordings"
    console.print(f"{len(chosen)} {many} {word}, {sum(sizes.values()) / 1e6:.1f} MB")


def _recordings(root: Path, everything: bool) -> Iterator[Path]:
    """Recordings under a root, all of them or those of whose scenario, seed and testbed there is a newer one."""
    from lab.recording.opening import find_runs

    latest: dict[tuple[Any, ...], tuple[int, Path]] = {}
    for path in find_runs(root):
        made_of = _made_of(path)
        if made_of is None or path.is_symlink() or not _NAME.fullmatch(path.name):
            continue
        made = (path / "run.json").stat().st_mtime_ns, path
        before = latest.setdefault(made_of, made)
        latest[made_of] = max(before, made)
        if everything:
            yield path
        elif before != made:
            yield min(before, made)[1]


def _made_of(path: Path) -> tuple[Any, ...] | None:
    """The key that distinguishes recordings; None for what is no recording."""
    from lab.files.fileio import read_file

    try:
        meta = json.loads(read_file(path / "run.json"))
        options = meta.get("testbed_options", meta.get("time_scale"))
        return path.parent, str(meta["seed"]), str(meta["testbed"]), str(options), str(meta["system"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _left(root: Path) -> list[Path]:
    import time

    from lab.runs.pool import LEFTOVER_AGE_S, leftovers

    return [path for path in leftovers(root) if time.time() - path.stat().st_mtime > LEFTOVER_AGE_S]


def _bytes(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
