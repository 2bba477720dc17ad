"""`lab recover` as a process of its own, and patience."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def eventually(holds: Callable[[], bool], within_s: float) -> None:
    """Waits until it holds; fails when it does not in time."""
    until_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until_s, f"not within {within_s:g} s"
        time.sleep(0.05)


def run_recover(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `lab recover`."""
    command = [sys.executable, "-m", "lab", "recover", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def lab_recover() -> list[tuple[str, str, Any]]:
    """What `lab recover` put back: (lever, element, value)."""
    done = run_recover("--json")
    assert done.returncode == 0, done.stderr
    return [(undo["lever"], undo["element"], undo["previous"]) for undo in json.loads(done.stdout)["reverted"]]
