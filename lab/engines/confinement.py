"""Confines engines' processes with Landlock (Linux), a mount namespace where allowed, and resource limits.

`docs/engine-contract.md` says what this prevents and what not.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from lab.contracts import Isolation
from lab.engines.grants import DEVICES, OWN_PROCESS, Grants, add_program, add_python, add_system, hidden_of, mirror
from lab.engines.options import EngineOptions
from lab.engines.processes import is_file

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LARGEST_FILE_BYTES = 4 * 2**30
_REFUSED = re.compile(
    r"Permission denied: '(?P<quoted>/[^']*)'|(?P<bare>/[^\s:'\"]+): Permission denied|denied, \w+ '(?P<node>/[^']*)'"
)
_NO_MODULE = re.compile(r"No module named '(?P<module>[\w.]+)'")
_NO_MEMORY = re.compile(r"MemoryError|Cannot allocate memory|bad_alloc|OutOfMemory|out of memory", re.IGNORECASE)


@cache
def landlock_abi() -> int:
    """The version of Landlock that this kernel offers, 0 for none."""
    try:
        import landlockpy
    except ImportError:  # it is installed on Linux only
        return 0
    return landlockpy.abi_version()


def cpu_limit_s(options: EngineOptions) -> int:
    """CPU seconds that one process of an engine may use for an answer: every CPU for the whole time."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, round(options.timeout_s)) * cpus + 1


class Confinement:
    """What the processes of one engine may do: `folder` is theirs to write to, `cases` holds what they are asked about.

    `policy` is the file that the launcher reads.
    """

    def __init__(self, options: EngineOptions, folder: Path, policy: Path, cases: Path | None = None) -> None:
        self._options = options
        self._folder = folder
        self._policy = policy
        self._cases = [str(cases)] if cases else []
        self._grants = Grants(hidden_of(options.hidden))

    def for_worker(self, modules: Iterable[str]) -> list[str]:
        """Permits a Python engine what this process can import; the import path to use."""
        add_system(self._grants)
        add_python(self._grants)
        return mirror(self._grants, sys.path, self._folder / ".imports", modules=modules)

    def for_command(self, words: Sequence[str]) -> list[str]:
        """Permits a program, the files it is given, and what Python scripts among them import; the import path."""
        add_system(self._grants)
        add_program(self._grants, words[0])
        files = [Path(word) for word in words[1:] if is_file(word)]
        roots = [str(file.parent) for file in files if file.suffix == ".py"]
        roots += [root for root in os.environ.get("PYTHONPATH", "").split(os.pathsep) if root]
        given = Grants(())  # a file that is named is meant
        for file in files:
            given.add(file)
        self._grants.read += given.read
        return mirror(self._grants, roots, self._folder / ".imports")

    def command(self, words: Sequence[str], *, cpu: bool) -> list[str]:
        """The command that confines itself and then becomes `words`."""
        import landlockpy

        for path in self._options.reads:
            self._grants.add(path)
        limits = {"DATA": self._options.memory_bytes, "CORE": 0, "FSIZE": _LARGEST_FILE_BYTES}
        if cpu:
            limits["CPU"] = cpu_limit_s(self._options)
        reachable = [Path(path) for path in (*self._grants.read, *self._grants.list, str(self._folder), words[0])]
        covered = [
            path
            for path in self._grants.hidden
            if path.is_dir() and not any(place.is_relative_to(path) for place in reachable)
        ]
        policy = {
            "library": str(Path(landlockpy.__file__).parents[1]),
            "read": [*self._grants.read, *self._cases, *OWN_PROCESS],
            "list": self._grants.list,
            "write": [str(self._folder)],
            "devices": DEVICES,
            "spare": [str(path) for path in self._options.reads],
            "hide": [str(path) for path in _outermost(covered)],
            "limits": limits,
        }
        self._policy.write_text(json.dumps(policy), encoding="utf-8")
        return [sys.executable, "-I", "-S", str(_LAUNCHER), str(self._policy), *words]

    def isolation(self) -> Isolation:
        """The kind of confinement, as the confined process reported it."""
        try:
            held = json.loads(self._policy.with_suffix(".held").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            held = []
        by = "+".join([f"landlock-abi{landlock_abi()}", *held, "rlimits"])
        return Isolation(by, tuple(str(path) for path in self._options.reads))


def _outermost(directories: Iterable[Path]) -> list[Path]:
    """Directories without those that lie in another of them."""
    found: list[Path] = []
    for directory in sorted(directories):
        if not any(directory.is_relative_to(other) for other in found):
            found.append(directory)
    return found


def explained(reason: str, options: EngineOptions, words: Sequence[str] = ()) -> str:
    """A confined engine's failure with what to do where the confinement may be why."""
    refused = _REFUSED.search(reason)
    if refused:
        path = next(filter(None, refused.groups()))
        return f"{reason} (engines read what is permitted, write to $TMPDIR; permit it: --engine-read {path})"
    missing = _NO_MODULE.search(reason)
    if missing:
        beside = [Path(word).parent / missing["module"].split(".")[0] for word in words if word.endswith(".py")]
        there = next((str(place) for place in beside if place.is_dir()), "PATH")
        return f"{reason} (if it is installed, engines may not be permitted to read it: --engine-read {there})"
    if _NO_MEMORY.search(reason):
        size = options.memory_bytes / 2**30
        return f"{reason} (a process may hold {size:g} GiB of data; allow more with --engine-memory)"
    if reason.startswith("was killed by signal 24"):
        return f"used more than {cpu_limit_s(options)} s of CPU in one process"
    return reason
