"""A run that is told to end while a fault is in puts everything back, and leaves what it found."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.injection.levers import ComponentLimit
from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.session import Session
from tests.stack.running import write_scenario
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack

INTERRUPTED = 130
FAULT = {"id": "f1", "type": "cpu-throttle", "target": "model", "at": "20s", "for": "2800s",
         "with": {"cpu": "2%"}}  # fmt: skip


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGHUP])
def test_a_run_that_is_ended_in_the_middle_of_a_fault_leaves_nothing(
    stack: Session, tmp_path: Path, number: signal.Signals
) -> None:
    """SIGHUP comes as from a terminal that was closed: nobody reads any more."""
    there, quota = belongings(stack.compose), stack.testbed.read(ComponentLimit, "model")
    path = write_scenario(tmp_path, faults=[FAULT])
    command = [sys.executable, "-m", "lab", "run", str(path), "--testbed", "stack", "--time-scale", "10"]
    command += ["--runs-dir", str(tmp_path / "runs"), "--no-report"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as lab:
        try:
            eventually(
                lambda: stack.testbed.read(ComponentLimit, "model") != quota or lab.poll() is not None,
                within_s=2 * PATIENCE_S,
            )
            assert lab.poll() is None, lab.communicate()
            if number == signal.SIGHUP:
                for stream in (lab.stdout, lab.stderr):
                    assert stream is not None
                    stream.close()
            lab.send_signal(number)
            lab.wait(timeout=PATIENCE_S)
            errors = "" if number == signal.SIGHUP else lab.communicate()[1]
        finally:
            lab.kill()
    assert lab.returncode == INTERRUPTED, errors
    assert number == signal.SIGHUP or "interrupted" in errors
    assert stack.testbed.read(ComponentLimit, "model") == quota
    assert stack.journal.open_undos() == []
    assert belongings(stack.compose) == there
    assert stack.lock.look().holder is None
    assert not list((tmp_path / "runs").rglob("run.json"))
