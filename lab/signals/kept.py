"""Signals kept beside a recording, so that witness, engines, graders and report need not compute them again.

They lie in `signals.npz` next to `observed/`. The tables alone say what a recording holds: what is kept is used only
where it was computed from these very files by this very code, and else left alone as if it were not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lab.files.fileio import read_file, sha256_of
from lab.recording.rundir import RUN_FILE, SIGNALS_FILE, SIGNALS_SEAL, SIGNALS_VARIABLE
from lab.registration.world import recorded_world
from lab.signals import SignalTable
from lab.signals.packed import as_arrays, as_table, packed, unpacked

_COMPUTING = ("signals", "recording", "worlds/kit")
"""Folders of the lab whose code a signal follows from, beside that of the recording's world."""


def content(observed: Mapping[str, str], signals: SignalTable, world: str | None) -> bytes:
    """The file that keeps the signals of a recording whose files in `observed/` have these SHA-256, by path in it.

    `world` is the name of its system's world.
    """
    names, times_s, values = as_arrays(signals)
    head = {"from": dict(observed), "names": names, **_made_by(world), "values": _digest(values, times_s)}
    return packed(head, {"times_s": times_s, "values": values}, sort_keys=True)


def trusted(directory: Path, beside: Path) -> bytes | None:
    """The content of the file in the directory `beside` if it is of this `observed/`, or a copy of it; else None."""
    found = _read(directory, beside)
    return None if found is None else found[0]


def load_kept(directory: Path) -> SignalTable | None:
    """The kept signals of an `observed/` directory; None where there are none, or any doubt of them."""
    found = _read(directory, directory.parent)
    return None if found is None else found[1]


def _read(directory: Path, beside: Path) -> tuple[bytes, SignalTable] | None:
    try:
        data = read_file(beside / SIGNALS_FILE)
        if not _is_sealed(beside / RUN_FILE, data):
            return None
        head, arrays = unpacked(data)
        times_s, values = arrays["times_s"], arrays["values"]
        made_by = _made_by(json.loads(read_file(directory / "system.json")).get("world"))
        if head["from"] != digests(directory) or any(head[name] != said for name, said in made_by.items()):
            return None
        if head["values"] != _digest(values, times_s) or values.shape != (len(head["names"]), len(times_s)):
            return None
        return data, as_table(head["names"], times_s, values)
    except Exception:  # whatever is wrong with the file, the tables are there
        return None


def _is_sealed(run_file: Path, data: bytes) -> bool:
    """Whether the recording says that this is its file, or of an engine's copy of `observed/`, who made that."""
    if run_file.is_file():
        expected = json.loads(read_file(run_file)).get(SIGNALS_SEAL)
    else:
        expected = os.environ.get(SIGNALS_VARIABLE)
    return bool(expected == sha256(data).hexdigest())


def digests(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of an `observed/` directory, by its path in it."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256_of(path) for path in files}


def _digest(*arrays: Any) -> str:
    return sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


@cache
def _made_by(world: str | None) -> dict[str, str]:
    """What computes a world's signals here: the lab's code, that of the world, and numpy."""
    lab = Path(__file__).parents[1]
    code = sha256()
    for folder in (*(lab / name for name in _COMPUTING), *_folders_of(world)):
        for source in sorted(folder.glob("*.py")):
            code.update(f"{folder.name}/{source.name}\\0".encode() + source.read_bytes())
    return {"code": code.hexdigest(), "numpy": np.__version__}


def _folders_of(world: str | None) -> list[Path]:
    """Where the code lies by which a world computes its signals and scores its models."""
    registered = recorded_world(world) if world else None
    if registered is None:
        return []
    references = [*(own.of for own in registered.signals), *registered.models.values()]
    modules = {reference.partition(":")[0] for reference in references}
    places = {spec.origin for module in modules if (spec := find_spec(module)) is not None and spec.origin}
    return sorted({Path(place).parent for place in places})
