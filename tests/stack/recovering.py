"""`lab recover` as a process of its own."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.stack.labs import lab_to_end
from tests.waiting import PATIENCE_S


def run_recover(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `lab recover`."""
    return lab_to_end(["recover", *arguments], PATIENCE_S)


def lab_recover() -> list[tuple[str, str, Any]]:
    """What `lab recover` put back: (lever, element, value)."""
    done = run_recover("--json")
    assert done.returncode == 0, done.stderr
    return [(undo["lever"], undo["element"], undo["value"]) for undo in json.loads(done.stdout)["reverted"]]
