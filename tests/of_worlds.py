"""Which test files are of a world of the lab's own: they name one, or one of its systems, or use a helper that does."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

TESTS = Path(__file__).parent
NAMED = re.compile(
    r"recommender|segmentation|lab[./]worlds(?:[./]\w| import)|\bshop\b|[\"']decisions[\"']|fraud|shipped_names\("
)
"""Worlds of the lab's own, their systems and scenarios, as tests name them."""


OUT_OF_REACH = frozenset(
    f"test_{name}.py"
    for name in (
        "arrivals", "arrow", "blocks", "compiled", "draws", "engine_host", "event_order",
        "ids", "journal", "journal_files", "kernel_rules", "kept_kernels", "log_lines", "memory",
        "metrics_builder", "plane_decisions", "plane_driving", "plane_operations", "plane_restart", "plane_theory",
        "pools_theory", "processes", "stack_lock", "statistics", "trees", "yamlsource",
    )
)  # fmt: skip
"""Files of the core about what no world reaches: bytes, processes, kernels, queues. With worlds hidden they would do
the same again, so `make test-core` leaves them out. There, reading the lab's worlds or faults fails."""


@lru_cache(maxsize=1024)
def is_of_a_world(file: Path) -> bool:
    """Whether a test file needs a world of the lab's own."""
    text = file.read_text(encoding="utf-8")
    return bool(NAMED.search(text)) or any(is_of_a_world(helper) for helper in _helpers(file, text) - {file})


def _helpers(file: Path, text: str) -> set[Path]:
    """The modules of `tests` that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tests":
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    paths = (TESTS.parent.joinpath(*name.split(".")).with_suffix(".py") for name in names)
    return {path for path in paths if path.is_file() and path != file}
