"""The key of a recording: a digest of everything that it depends on. Equal keys mean equal bytes."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distributions, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from lab import __version__
from lab.injection.faults import fault_type
from lab.registration.world import installed_worlds
from lab.scenario import LoadedScenario
from lab.testbeds.installed import Chosen

OWN = ("lab", "injectors")
"""Our packages whose code recordings follow from."""
NO_PART = frozenset(
    f"lab/{name}"
    for name in (
        "api", "cli", "docs", "engines", "investigation", "judging/assess.py", "judging/grading.py",
        "judging/ranking.py", "judging/statistics.py", "library.py", "mcp", "pytest_plugin.py", "report",
        "runs/baseline.py", "runs/campaign.py", "runs/campaign_key.py", "runs/cases.py", "runs/cluster.py",
        "runs/dataset.py", "runs/dispatch.py", "runs/keeping.py", "runs/order.py", "runs/packing.py",
        "runs/parity.py", "runs/pool.py", "runs/remote.py", "runs/suite.py", "shipped", "templates", "web",
    )
)  # fmt: skip
"""What no byte of a recording follows from: what asks, grades and prints."""
TESTBEDS = "lab/testbeds/"
"""Folders below hold a testbed each; a recording follows from its own."""
LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "pyyaml", "scikit-learn", "scipy", "simpy")
"""Libraries whose results recordings hold."""


def recording_key(loaded: LoadedScenario, seed: int, testbed: Chosen) -> str:
    """The digest of everything that the recording of a scenario and seed follows from, in hexadecimal.

    The scenario's text, its system with every default, the seed, the testbed with its code and those of its options
    that change a recording, the code of the lab, the libraries it computes with, and the distributions of plug-ins
    that the scenario and the testbed come from.
    """
    system = json.dumps(loaded.system.model_dump(mode="json"), sort_keys=True)
    where = [testbed.name, json.dumps(testbed.recorded(), sort_keys=True), _driver_code(testbed)]
    parts = [loaded.text, system, str(seed), *where, __version__, code_digest(), *_plug_ins(loaded, testbed)]
    return digest(part.encode() for part in parts)


def _driver_code(testbed: Chosen) -> str:
    """A digest of a driver's own package within the lab: what one testbed records follows from no other."""
    package = type(testbed.driver).__module__.rpartition(".")[0]
    return _package_digest(package) if package.split(".")[0] in OWN else ""


@cache
def _package_digest(package: str) -> str:
    return digest(sources(package, _no_part))


@cache
def code_digest() -> str:
    """A digest of the lab's own code and of the libraries that it computes with, as they are installed here."""
    return digest(_code())


def _code() -> Iterator[bytes]:
    yield from (f"{name} {found}".encode() for name, found in platform_versions().items())
    for package in OWN:
        yield from sources(package, _no_part)


def platform_versions() -> dict[str, str]:
    """The versions of what the lab computes with: Python, the kind of machine, the libraries."""
    python = {"Python": f"{platform.python_version()} {platform.machine()} {sys.byteorder}"}
    return python | {library: _version(library) for library in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def sources(module: str, is_left_out: Callable[[str], bool] = lambda _: False) -> Iterator[bytes]:
    """Names and contents of a module's file, or of all files of a package but those left out by their names."""
    for name, content in _contents(module):
        if not is_left_out(name):
            yield name.encode()
            yield content


@cache
def _contents(module: str) -> list[tuple[str, bytes]]:
    """Names and contents of a module's file or of all files of a package; read once, for there are several digests."""
    spec = find_spec(module)
    if spec is None:
        return []
    folders = list(map(Path, spec.submodule_search_locations or ()))
    if not folders and spec.origin:
        return [(module, Path(spec.origin).read_bytes())]
    return [
        (f"{module}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _no_part(name: str) -> bool:
    is_of_a_testbed = name.startswith(TESTBEDS) and "/" in name.removeprefix(TESTBEDS)
    if is_of_a_testbed or name.endswith(".system.yaml"):  # a system is in the key by its content
        return True
    return any(name == other or name.startswith(f"{other}/") for other in NO_PART)


def _plug_ins(loaded: LoadedScenario, testbed: Chosen) -> list[str]:
    """A digest of each plug-in that a run uses, beside our own: its sources, and all that is installed here.

    What a plug-in imports from elsewhere is not known, so another version of anything installed counts.
    """
    types = [use.type for use in loaded.scenario.faults] + [use.type for use in loaded.scenario.decoys]
    modules = {fault_type(name).module for name in types}
    world = loaded.system.world
    entry = installed_worlds().get(world.name) if world is not None else None
    modules |= {entry.module} if entry is not None else set()
    modules.add(type(testbed.driver).__module__)
    foreign = sorted({module.split(".")[0] for module in modules} - set(OWN))
    return [*map(plug_in_digest, foreign), *([everything_installed()] if foreign else [])]


@cache
def plug_in_digest(package: str) -> str:
    """A digest of a plug-in's package and of the distributions that it comes with."""
    files = [
        path
        for name in sorted(set(packages_distributions().get(package, ())))
        for path in _files_of(Distribution.from_name(name))
    ]
    return digest([*sources(package, _no_part), *(path.read_bytes() for path in files)])


def _files_of(distribution: Distribution) -> list[Path]:
    found = (Path(str(distribution.locate_file(file))) for file in distribution.files or ())
    return sorted(path for path in found if path.is_file() and path.suffix != ".pyc")


@cache
def everything_installed() -> str:
    """A digest of every installed distribution and its version."""
    return digest(sorted(f"{one.name} {one.version}".encode() for one in distributions()))


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of some parts and their lengths, in hexadecimal."""
    made = sha256()
    for part in parts:
        # With its length: what ends one part cannot be taken for the start of the next.
        made.update(f"{len(part)}:".encode())
        made.update(part)
    return made.hexdigest()
