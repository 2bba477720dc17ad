"""Recordings of incidents with actions take a bounded place: the longest unused go when a server starts."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

ACTED = "acted"
"""The directory below that of the sessions."""
MOST_BYTES = 2_000_000_000
"""Of recordings that no unanswered session sees. One of a few minutes takes about 10 MB."""


def tidy(directory: Path, needed: Collection[str], most_bytes: int = MOST_BYTES, unused_s: float = 0.0) -> list[str]:
    """Removes recordings with actions below `directory`, the longest unused first, until the rest has `most_bytes`.

    Those whose names are `needed` stay and are not counted. Also goes what a killed worker left half written. For who
    holds the directory alone (`lab.investigation.alone`); others remove only what was not used for `unused_s`. What is
    removed and wanted again is made again, the same, from its seed. Gives the names that were removed; what cannot be
    removed stays.
    """
    top = directory / ACTED
    until_s = time.time() - unused_s
    found = [path for path in _directories(top) if _used_s(path) <= until_s]
    there = sorted((path for path in found if path.name not in needed), key=_used_s, reverse=True)
    left, removed = most_bytes, []
    for path in found:
        for half in path.glob(".observed.*.tmp"):
            shutil.rmtree(half, ignore_errors=True)
    for path in there:
        left -= _bytes(path)
        if left < 0 or not (path / "observed").is_dir():
            shutil.rmtree(path, ignore_errors=True)
            removed += [path.name] * (not path.exists())
    return removed


def use(recording: Path) -> None:
    """Notes that a recording is looked at now."""
    with suppress(OSError):
        os.utime(recording)


def _directories(top: Path) -> list[Path]:
    try:
        return [path for path in top.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []


def _used_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _bytes(path: Path) -> int:
    found = 0
    for file in path.rglob("*"):
        with suppress(OSError):
            found += file.lstat().st_size
    return found
