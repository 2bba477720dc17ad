"""A machine that stands still in the middle of a run on the stack: the run is inconclusive, for everybody who looks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.testbeds.stack.live import described
from lab.testbeds.stack.session import Session
from tests.stack.running import write_scenario
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack

TIME_SCALE = 10.0
DURATION_S = 60.0
STALLED_S = 3.0


def ticker_of(lab: subprocess.Popen[str]) -> int:
    """The pid of the process that watches for stalls, 0 before there is one."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == lab.pid and b"ticker.py" in command:
            return int(path.name)
    return 0


def second_of(stack: Session, lab: subprocess.Popen[str]) -> float:
    """The scenario second of this lab's run; negative before it begins."""
    holder = stack.lock.look().holder
    return described(holder).get("second", -1.0) if holder is not None and holder.pid == lab.pid else -1.0


def test_a_run_during_which_the_machine_stalled_is_inconclusive(stack: Session, tmp_path: Path) -> None:
    path = write_scenario(tmp_path, duration_s=DURATION_S)
    command = [sys.executable, "-m", "lab", "run", str(path), "--testbed", "stack", "--time-scale", f"{TIME_SCALE:g}"]
    command += ["--keep", "--runs-dir", str(tmp_path / "runs"), "--no-report", "--json", "--engine", "constant"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        try:
            ticker = eventually(lambda: ticker_of(lab))
            eventually(lambda: second_of(stack, lab) > DURATION_S / 6)
            # To the process that watches, a machine that stands still is one that does not let it run.
            os.kill(ticker, signal.SIGSTOP)
            time.sleep(STALLED_S)
            os.kill(ticker, signal.SIGCONT)
            output, _ = lab.communicate(timeout=3 * PATIENCE_S)
        finally:
            lab.kill()
    assert lab.returncode == 4
    results = json.loads(output)
    assert results["cases"] == []
    [told] = results["not_graded"]
    assert told["outcome"] == "inconclusive"
    assert "the machine stalled for" in told["reason"]
    [kept] = (tmp_path / "runs").glob("*/*/run.json")
    run = json.loads(kept.read_text(encoding="utf-8"))
    assert run["status"].startswith("inconclusive: the machine stalled")
    assert run["stalls"]["longest_s"] >= STALLED_S - 0.5
