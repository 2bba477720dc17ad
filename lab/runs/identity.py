"""What a recording follows from, as a digest: two recordings with the same key come out the same, byte for byte."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distributions, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from lab import __version__
from lab.injection.faults import fault_type
from lab.scenario import LoadedScenario
from lab.systems.offer import installed_worlds

OWN = ("lab", "injectors")
"""Our packages whose code recordings follow from."""
NO_PART = frozenset(
    f"lab/{name}"
    for name in (
        "assess.py", "baseline.py", "campaign.py", "cli", "diagnosis_schema.py", "docs.py", "engines", "grading.py",
        "library.py", "parity.py", "pool.py", "pytest_plugin.py", "report", "schema.py", "shipped",
        "statistics.py", "suite.py", "systems", "templates", "testbeds/stack",
    )
)  # fmt: skip
"""What no byte of a recording follows from: what asks, grades and prints. A system is in the key by its content."""
LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "pyyaml", "scikit-learn", "scipy", "simpy")
"""Libraries whose results recordings hold."""


def recording_key(
    loaded: LoadedScenario, seed: int, testbed: str, time_scale: float = 1.0, model_server: str = ""
) -> str:
    """The digest of everything that the recording of a scenario and seed follows from, in hexadecimal.

    The scenario's text, its system with every default, the seed, the testbed and who serves the model there, the code
    of the lab, the libraries it computes with, and the distributions of plug-ins that the scenario uses.
    """
    system = json.dumps(loaded.system.model_dump(mode="json"), sort_keys=True)
    where = [testbed, f"{time_scale:g}", model_server]
    parts = [loaded.text, system, str(seed), *where, __version__, code_digest(), *_plug_ins(loaded)]
    return _digest(part.encode() for part in parts)


@cache
def code_digest() -> str:
    """A digest of the lab's own code and of the libraries that it computes with, as they are installed here."""
    return _digest(_code())


def _code() -> Iterator[bytes]:
    yield f"{platform.python_version()} {platform.machine()} {sys.byteorder}".encode()
    for library in LIBRARIES:
        yield f"{library} {_version(library)}".encode()
    for package in OWN:
        yield from _sources(package)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _sources(module: str) -> Iterator[bytes]:
    """Names and contents of a module's file, or of all files of a package but those that are no part."""
    spec = find_spec(module)
    if spec is None:
        return
    for folder in map(Path, spec.submodule_search_locations or ()):
        for path in sorted(folder.rglob("*")):
            name = f"{module}/{path.relative_to(folder).as_posix()}"
            if path.is_file() and "__pycache__" not in path.parts and not _no_part(name):
                yield name.encode()
                yield path.read_bytes()
    if not spec.submodule_search_locations and spec.origin:
        yield module.encode()
        yield Path(spec.origin).read_bytes()


def _no_part(name: str) -> bool:
    return any(name == other or name.startswith(f"{other}/") for other in NO_PART)


def _plug_ins(loaded: LoadedScenario) -> list[str]:
    """A digest of each plug-in that a scenario uses, beside our own: its sources, and all that is installed here.

    What a plug-in imports from elsewhere is not known, so another version of anything installed counts.
    """
    types = [use.type for use in loaded.scenario.faults] + [use.type for use in loaded.scenario.decoys]
    modules = {fault_type(name).module for name in types}
    world = loaded.system.world
    entry = installed_worlds().get(world.name) if world is not None else None
    modules |= {entry.module} if entry is not None else set()
    foreign = sorted({module.split(".")[0] for module in modules} - set(OWN))
    return [*map(_plug_in, foreign), *([_everything_installed()] if foreign else [])]


@cache
def _plug_in(package: str) -> str:
    """A digest of a plug-in's package and of the distributions that it comes with."""
    files = [
        path
        for name in sorted(set(packages_distributions().get(package, ())))
        for path in _files_of(Distribution.from_name(name))
    ]
    return _digest([*_sources(package), *(path.read_bytes() for path in files)])


def _files_of(distribution: Distribution) -> list[Path]:
    found = (Path(str(distribution.locate_file(file))) for file in distribution.files or ())
    return sorted(path for path in found if path.is_file() and path.suffix != ".pyc")


@cache
def _everything_installed() -> str:
    return _digest(sorted(f"{one.name} {one.version}".encode() for one in distributions()))


def _digest(parts: Iterable[bytes]) -> str:
    digest = sha256()
    for part in parts:
        # With its length: what ends one part cannot be taken for the start of the next.
        digest.update(f"{len(part)}:".encode())
        digest.update(part)
    return digest.hexdigest()
