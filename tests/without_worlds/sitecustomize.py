"""Hides the lab's own worlds from every Python process that finds this directory on its path, as if only strangers'
were installed: `make test-core`."""

from __future__ import annotations

from importlib import metadata
from typing import Any

_OWN = "chaos-lab"
_WORLDS = "lab.worlds."
_entry_points = metadata.entry_points


def entry_points(**chosen: Any) -> Any:
    """Those that are installed, but for the lab's own worlds and what belongs to them."""
    found = _entry_points(**chosen)
    if "group" not in chosen:
        return found
    return metadata.EntryPoints(
        entry for entry in found if entry.dist is None or entry.dist.name != _OWN or not entry.value.startswith(_WORLDS)
    )


metadata.entry_points = entry_points
