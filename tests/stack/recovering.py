"""`lab recover` as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.waiting import PATIENCE_S


def run_recover(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `lab recover`."""
    command = [sys.executable, "-m", "lab", "recover", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S)


def lab_recover() -> list[tuple[str, str, Any]]:
    """What `lab recover` put back: (lever, element, value)."""
    done = run_recover("--json")
    assert done.returncode == 0, done.stderr
    return [(undo["lever"], undo["element"], undo["previous"]) for undo in json.loads(done.stdout)["reverted"]]
