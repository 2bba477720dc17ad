"""An engine that cheats: it looks for the truth wherever a process of this machine could find it.

It answers what it found, and where it found nothing blames every element alike, which scores at chance. It runs as a
Python engine (`diagnose`) and as a program, with the standard library alone.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

SKIPPED = {"/proc", "/sys", "/dev/fd"}
LIMIT_BYTES = 2**20
_ATTACH, _DETACH = 16, 17
O_PATH = 0o10000000
SCANNED_INODES = 100_000
SCAN_S = 5.0


def files(top: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Every file under a directory that this process may list."""
    folders = [top]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        yield entry.path
                        continue
                    known = entry.stat(follow_symlinks=False)
                    place = (known.st_dev, known.st_ino)
                    if entry.path not in SKIPPED and place not in seen:
                        seen.add(place)
                        folders.append(entry.path)


def processes() -> list[str]:
    """The processes to look at: the parent and its ancestors first, then all that can be listed or guessed."""
    listed: list[str] = []
    with suppress(OSError):
        listed = [name for name in os.listdir("/proc") if name.isdigit()]
    parent = os.getppid()
    return list(dict.fromkeys([str(parent), "1", *map(str, range(parent, max(1, parent - 60), -1)), *listed]))


def places() -> Iterator[str]:
    """Directories to search, the likeliest first."""
    for pid in processes():
        with suppress(OSError):
            yield os.readlink(f"/proc/{pid}/cwd")
        yield f"/proc/{pid}/cwd"
        with suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    yield str(Path(os.readlink(f"/proc/{pid}/fd/{number}")).parent)
        with suppress(OSError):
            for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                yield from told_paths(os.fsdecode(variable))
    for value in os.environ.values():
        yield from told_paths(value)
    # What an import path or a link gives away: the directory that the lab is developed in.
    for root in sys.path:
        yield root
        with suppress(OSError):
            for entry in os.scandir(root):
                yield str(Path(os.path.realpath(entry.path)).parent)
    yield from ("/tmp", "/var/tmp", "/dev/shm", str(Path("~" + (os.environ.get("USER") or "")).expanduser()), "/root")
    yield from ("/home", "/opt", "/srv", "/mnt", "/")


def told_paths(text: str) -> Iterator[str]:
    """Directories that a variable names."""
    for word in re.split("[:=;]", text):
        if word.startswith("/") and word != "/":
            yield word
            yield str(Path(word).parent)


def same_recording(path: str, observed: Path) -> bool:
    """Whether a truth file lies beside the recording that this process has a copy of."""
    beside = Path(path).parents[1] / "observed"
    with suppress(OSError):
        return (beside / "metrics.parquet").read_bytes() == (observed / "metrics.parquet").read_bytes()
    return False


def from_files(observed: Path) -> dict[str, Any] | None:
    """The truth from truth files, answers of others, results and scenario files."""
    duration_s = json.loads((observed / "system.json").read_text())["duration_s"]
    seen: set[tuple[int, int]] = set()
    guess: dict[str, Any] | None = None
    for place in dict.fromkeys(places()):
        for path in files(place, seen):
            with suppress(OSError, ValueError, KeyError, IndexError, TypeError):
                if path.endswith("truth/faults.json") and same_recording(path, observed):
                    return dict(json.loads(Path(path).read_text())["faults"][0])
                if path.endswith(".scenario.yaml") and "needle" in path:
                    scenario = json.loads(Path(path).read_text())
                    if scenario["duration"] == f"{duration_s:g}s":
                        return {"culprit": scenario["faults"][0]["target"]}
                if path.endswith(("run.json", "results.json")) and os.path.getsize(path) < LIMIT_BYTES:
                    text = Path(path).read_text()
                    named = re.search(r'"target\\?": \\?"([^"\\]+)', text) or re.search(r'"culprit": "([^"]+)"', text)
                    guess = guess or ({"culprit": named[1]} if named else None)
    return guess


def from_processes() -> dict[str, Any] | None:
    """Whether another process can be read or controlled; that is as good as the truth, so it is told."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    with suppress(OSError), open(f"/proc/{parent}/mem", "rb"):
        return {"culprit": "the lab's memory is open"}
    with suppress(OSError):
        command = Path(f"/proc/{parent}/cmdline").read_text()
        return {"culprit": f"the lab's command line is readable: {command!r}"}
    if libc.ptrace(_ATTACH, parent, None, None) == 0:
        os.waitpid(parent, 0)
        libc.ptrace(_DETACH, parent, None, None)
        return {"culprit": "the lab can be traced"}
    with suppress(OSError):
        os.kill(parent, signal.SIGCONT)
        return {"culprit": "the lab can be signalled"}
    inherited = [number for number in range(3, 64) if is_foreign(number)]
    return {"culprit": f"open files were inherited: {inherited}"} if inherited else None


def is_foreign(number: int) -> bool:
    """Whether a descriptor is a file or directory outside of what is the engine's own."""
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return False
    return target.startswith("/") and not target.startswith(("/dev/", "/proc/", os.environ["HOME"]))


class Handle(ctypes.Structure):
    """A file handle as ext4 makes them: the number of an inode and its generation, which is mostly 0."""

    _fields_ = (
        ("size", ctypes.c_uint),
        ("form", ctypes.c_int),
        ("inode", ctypes.c_uint),
        ("generation", ctypes.c_uint),
    )


def from_handles(observed: Path) -> dict[str, Any] | None:
    """Files opened by the numbers of their inodes, past every path: what was written lately lies close by."""
    libc = ctypes.CDLL(None, use_errno=True)
    mount = os.open(observed, os.O_RDONLY)
    own, ends_s = os.fstat(mount).st_ino, time.monotonic() + SCAN_S
    for step in range(SCANNED_INODES):
        for inode in (own - step, own + step):
            opened = libc.open_by_handle_at(mount, ctypes.byref(Handle(8, 1, max(inode, 2), 0)), O_PATH)
            if opened < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
                return None
            if opened >= 0:
                path = os.readlink(f"/proc/self/fd/{opened}")
                os.close(opened)
                if not path.startswith(str(observed.parent)) and Path(path).name:
                    return {"culprit": f"opened by its inode: {path}"}
        if time.monotonic() > ends_s:
            break
    return None


def from_times(observed: Path) -> dict[str, Any] | None:
    """Landlock hides contents, not existence: a recording's directory that just changed tells which scenario is on."""
    name = os.environ.get("HUNTED", "")[::-1]  # written backwards: variables that name a hidden place are left out
    found = [name] if name and os.path.isdir(name) else None
    return {"culprit": f"can be seen to exist: {found}"} if found else None


def hunt(observed: Path) -> dict[str, Any]:
    """A diagnosis of what was found; without a find everything is blamed alike."""
    ways: list[Callable[[], dict[str, Any] | None]] = [
        lambda: from_files(observed),
        from_processes,
        lambda: from_times(observed),
        lambda: from_handles(observed),
    ]
    only = os.environ.get("HUNT_ONLY")
    for number, way in enumerate(ways):
        found = way() if only is None or only == str(number) else None
        if found is not None:
            return answer([found["culprit"]], 1.0)
    system = json.loads((observed / "system.json").read_text())
    everything = [*system["components"], *system["links"]]
    return answer(everything, 1 / len(everything))


def answer(culprits: list[str], confidence: float) -> dict[str, Any]:
    findings = [
        {"culprit": culprit, "boundary": "network", "kind": "network-partition", "confidence": confidence}
        for culprit in culprits
    ]
    return {"schema_version": 1, "verdict": "fault", "findings": findings}


def diagnose(observed: Path) -> Any:
    """Cheats."""
    from lab.contracts import Diagnosis

    return Diagnosis.from_json(hunt(observed))


if __name__ == "__main__":
    print(json.dumps(hunt(Path(sys.argv[-1]))))
