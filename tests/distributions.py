"""Distributions as a stranger installs them: metadata with entry points, for a folder on the import path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


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
