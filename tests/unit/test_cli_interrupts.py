"""What an interrupt or a kill leaves of a run: no process and no half recording."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.errors import ExitCode
from tests.cli_cases import CUT, run, write
from tests.waiting import PATIENCE_S, eventually


def test_a_run_clears_what_a_killed_one_left_but_not_what_another_is_writing(folder: Path) -> None:
    old, fresh = Path("runs/cut/.3-abc.old1.tmp"), Path("runs/cut/.3-abc.new1.tmp")
    for path in (old, fresh):
        path.mkdir(parents=True)
    os.utime(old, (time.time() - 3600,) * 2)
    run("quiet.scenario.yaml", "--engine", "constant")
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(("signal_sent", "jobs"), [(signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGINT, 1)])
def test_an_interrupt_ends_every_process_and_leaves_no_half_recording(
    signal_sent: signal.Signals, jobs: int, folder: Path
) -> None:
    write("long", CUT, duration=3600, rate=300)
    temporary = folder / "temporary"
    temporary.mkdir()
    words = [sys.executable, "-m", "lab", "run", "long.scenario.yaml", "--seeds", "3", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [*words, "--engine", "constant"],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    eventually(lambda: len(list(temporary.glob("rca-*"))) == jobs)  # each process has opened its engine host
    time.sleep(0.3)
    if signal_sent == signal.SIGINT:
        os.killpg(process.pid, signal_sent)  # as a terminal does
    else:
        process.send_signal(signal_sent)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == ExitCode.INTERRUPTED
    assert (out, "Traceback" in err) == ("", False)
    assert list(folder.glob("runs/*/*")) == []
    assert list(temporary.glob("rca-*")) == []
