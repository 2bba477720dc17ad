"""Keeps a recording that took minutes to make: in another place if its own has no space, or reported as lost."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from lab.errors import Problem, RunAbortedError, UserError
from lab.files.fileio import reason
from lab.systems.topology import Sampling

Made = TypeVar("Made")
BASE_BYTES, TRACE_BYTES, RECORD_BYTES = 200_000, 350, 250
"""What a recording takes without requests; what the trace of one adds, with its log lines; what its features and
predictions add. Measured on the recommender, with a margin of a half."""
TAIL_SHARE = 0.05
"""Share of the traces that are taken to be kept for what they are, where traces are sampled."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM_TEXT = re.compile(rf"errno ({'|'.join(map(str, sorted(_NO_ROOM)))})\b", re.IGNORECASE)


def recording_bytes(requests: float, sampling: Sampling) -> int:
    """About how much the recording of so many requests takes: most of it is what each of them leaves."""
    traces = sampling.traces if sampling.traces >= 1 else min(1.0, sampling.traces + TAIL_SHARE)
    return BASE_BYTES + round(requests * (TRACE_BYTES * traces + RECORD_BYTES * sampling.records))


def check_room(root: Path, needed_bytes: int, what: str) -> None:
    """UserError where a directory, which need not be there yet, has no room for a recording of about this size."""
    free = _free_bytes(root)
    if free >= needed_bytes:
        return
    raise UserError(
        Problem(
            f"there is no room for the recording of {what}", str(root), seen=f"{_mb(free)} free",
            expected=f"about {_mb(needed_bytes)}",
            hint="free space there, or choose another --runs-dir (lab train, lab mcp: --state; lab evaluate: TMPDIR)",
        )
    )  # fmt: skip


def kept_where_there_is_room(
    places: Iterable[Path], keep: Callable[[Path], Made], lost: str
) -> tuple[Made, list[tuple[Path, str]]]:
    """What `keep` returns for the first place in which it works, and the places before it, each with what went wrong.

    RunAbortedError that says what is `lost` where it works nowhere.
    """
    refused: list[tuple[Path, str]] = []
    for place in dict.fromkeys(places):
        try:
            return keep(place), refused
        except OSError as error:
            refused.append((place, reason_with_room(place, error)))
    reasons = "; ".join(f"{place}: {why}" for place, why in refused)
    raise RunAbortedError(f"{lost}: it could be written nowhere ({reasons}). Free space, then run it again")


def is_no_room(error: OSError) -> bool:
    """Whether a disk, a quota or a file is full. Libraries that write leave the system's number in their text only."""
    return error.errno in _NO_ROOM or bool(_NO_ROOM_TEXT.search(str(error)))


def reason_with_room(place: Path, error: OSError) -> str:
    """What went wrong, and where room is short, how much there is."""
    text = " ".join(reason(error).split())
    return f"{text}, {_mb(_free_bytes(place))} free" if is_no_room(error) else text


def _free_bytes(place: Path) -> int:
    """Room on the disk of a directory, which need not be there yet."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def _mb(count: float) -> str:
    return f"{count / 1e6:.1f} MB"


def temporary_directory() -> Path | None:
    """The system's directory for temporary files, None where none can be used."""
    import tempfile

    try:
        return Path(os.path.abspath(tempfile.gettempdir()))
    except OSError:
        return None
