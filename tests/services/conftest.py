"""Which tests share a process of `--dist loadgroup`."""

from __future__ import annotations

from pathlib import Path

import pytest

PLANE = Path(__file__).parent / "plane"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that share services that are slow to start: of the plane a system's, of the others a module's."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            shared = item.path.parent if PLANE in item.path.parents else item.path
            item.add_marker(pytest.mark.xdist_group(str(shared)))
