"""Distributions as a stranger installs them: metadata with entry points, for a folder on the import path."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.registration.world import WORLD_GROUP


def write_distribution(folder: Path, name: str, entry_points: Mapping[str, Mapping[str, str]]) -> None:
    """Writes `<name>-1.0.dist-info` with these entry points: group, name, target."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    groups = (
        f"[{group}]\n" + "".join(f"{entry} = {target}\n" for entry, target in entries.items())
        for group, entries in entry_points.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")


@contextmanager
def installed_here(project: Path, site: Path) -> Iterator[None]:
    """A project's distribution as good as installed in this process: its code, and its entry points under `site`."""
    from lab.injection import faults
    from lab.injection.levers import record

    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    write_distribution(site, declared["name"], declared["entry-points"])
    before = list(sys.path)
    sys.path[:0] = [str(site), str(project)]
    faults._load.cache_clear()
    try:
        yield
    finally:
        sys.path[:] = before
        for name in [name for name, kind in faults._registered.items() if _comes_from(kind.module, project)]:
            del faults._registered[name]
        # Else levers that are not there any more would be asked for in every test that comes later.
        for known in (record._levers, record._acts):
            for name in [name for name, kind in known.items() if _comes_from(kind.__module__, project)]:
                del known[name]
        for name in [name for name in sys.modules if _comes_from(name, project)]:
            del sys.modules[name]
        faults._load.cache_clear()


def _comes_from(module: str, project: Path) -> bool:
    return (project / module.partition(".")[0]).is_dir()


@contextmanager
def world_installed(site: Path, name: str, world: str) -> Iterator[None]:
    """A world (`module:registration`) as if its distribution was installed in this process."""
    write_distribution(site, f"some-{name}", {WORLD_GROUP: {name: world}})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield
