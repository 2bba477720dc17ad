"""The id of a campaign: a digest of everything that its results follow from. Equal ids mean equal results.

What an engine asks over the network, and a program that its command line does not name, cannot be known.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lab import __version__
from lab.engines import COMMAND, ENGINE_GROUP, REMOTE, rules_file, top_module
from lab.files.fileio import read_file
from lab.judging.grading import GRADER_GROUP
from lab.plugins import OWN, distribution, installed
from lab.runs.identity import digest, everything_installed, platform_versions, plug_in_digest, sources

if TYPE_CHECKING:
    from lab.engines.options import EngineOptions
    from lab.runs.campaign import Job

PACKAGES = ("lab", "injectors", "graders")
"""Our packages, all of whose code results follow from."""
_LONGEST_NAME = 60
_LARGEST_FILE = 100_000_000
"""Bytes of a file on an engine's command line up to which its content is a part of the engine."""


def campaign_id(jobs: Sequence[Job], keys: Sequence[str], options: EngineOptions, name: str, *, keep: bool) -> str:
    """`<name>-<8 hexadecimal digits>`: always the same for the same jobs, code, engines and limits of engines.

    `keys` are those of the jobs' recordings. `name` is for people: that of a suite or scenario. `keep`: whether
    recordings are kept, whose paths results name.
    """
    limits = (options.timeout_s, options.memory_bytes, *options.reads, options.confine, keep)
    asked = dict.fromkeys(engine for job in jobs for engine in job.engines)
    parts = [lab_digest(), *map(str, limits), *_graders(), *(f"{engine} {engine_digest(engine)}" for engine in asked)]
    for job, key in zip(jobs, keys, strict=True):
        parts += [key, job.loaded.name, *job.engines]
    clean = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:_LONGEST_NAME] or "campaign"
    return f"{clean}-{digest(part.encode(errors='backslashreplace') for part in parts)[:8]}"


def engine_digest(spec: str) -> str:
    """A digest of what an engine is made of, as far as it lies here; empty for the lab's own and for remote ones."""
    if spec.startswith(REMOTE):
        return ""
    if spec.startswith(COMMAND):
        return digest(_content(Path(word)) for word in shlex.split(spec.removeprefix(COMMAND)))
    file = rules_file(spec)
    if file is not None:
        return digest([_content(file)])
    if distribution(installed(ENGINE_GROUP, "engine")[spec]) == OWN:
        return ""
    return plug_in_digest(top_module(spec)) + everything_installed()


def _graders() -> list[str]:
    """A digest of each grader that another distribution brings, and of all that is installed beside them."""
    found = installed(GRADER_GROUP, "grader").values()
    foreign = sorted({entry.module.split(".")[0] for entry in found if distribution(entry) != OWN})
    return [*map(plug_in_digest, foreign), *([everything_installed()] if foreign else [])]


def _content(path: Path) -> bytes:
    """The content of a file that is there; nothing for other words of a command line."""
    try:
        return read_file(path, _LARGEST_FILE)
    except (OSError, ValueError):
        return b""


@cache
def lab_digest() -> str:
    """A digest of all of the lab's code, and of the versions of what it computes with."""
    versions = [f"{name} {found}".encode() for name, found in platform_versions().items()]
    code = [part for package in PACKAGES for part in sources(package, lambda name: name.startswith("lab/shipped/"))]
    return digest([*versions, *code])


def installation() -> dict[str, str]:
    """What must be the same on two machines for the same results, by name."""
    return {
        "chaos-lab": f"{__version__} (code {lab_digest()[:12]})",
        **platform_versions(),
        "arithmetic": arithmetic_digest()[:12],
    }


@cache
def arithmetic_digest() -> str:
    """A digest of what this machine computes: processors and C libraries differ in the last bits of exp and others."""
    import numpy as np

    values = np.linspace(1e-3, 40.0, 4_096)
    arrays = [f(values) for f in (np.exp, np.log, np.log1p, np.sqrt, np.sin, np.cos)]
    square = values.reshape(64, 64)
    scalars = np.array([f(value) for f in (math.exp, math.log, math.log1p, math.cos) for value in values.tolist()])
    return digest(array.tobytes() for array in (*arrays, square @ square, np.cumsum(values), scalars))
