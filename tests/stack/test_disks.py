"""Full disks on the real stack: clear errors, nothing left changed, nothing recorded that looks whole and is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.agreed import ports
from lab.agreed.run import Run
from lab.testbeds.stack.http import AnswerError, call
from lab.testbeds.stack.session import Session
from tests.disks import disk, fill, make_read_only
from tests.stack.checkouts import state_below
from tests.stack.holding import LEVERS, await_moment, lab_holding, now, strike
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

RUN = ("run", "recommender/control-quiet", "--testbed", "stack", "--time-scale", "5", "--keep")
LEVER = "config.set"
FOUND = {"value": 0.12}


def lab(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE_S, env=os.environ | environment
    )


@pytest.mark.parametrize("read_only", [False, True])
def test_without_a_journal_no_run_begins(stack: Session, tmp_path: Path, read_only: bool) -> None:
    with disk(tmp_path / "state") as state:
        if read_only:
            make_read_only(state)
        else:
            fill(state)
        done = lab(*RUN, "--runs-dir", str(tmp_path / "runs"), LAB_STATE_DIR=str(state))
    assert done.returncode == 2, done.stderr
    assert str(state_below(state) / "journal.jsonl") in done.stderr
    assert ("read-only" if read_only else "0 bytes free") in done.stderr
    assert "could not put back" not in done.stderr


def test_without_room_for_the_recording_no_run_begins(stack: Session, tmp_path: Path) -> None:
    with disk(tmp_path / "runs", size="1m") as runs:
        done = lab(*RUN, "--runs-dir", str(runs))
        assert not list(runs.rglob("run.json"))
    assert done.returncode == 2, done.stderr
    assert "there is no room for the recording" in done.stdout + done.stderr
    assert stack.journal.open_undos() == []


def test_a_journal_that_fails_in_the_middle_keeps_no_lever_in(stack: Session, tmp_path: Path) -> None:
    with disk(tmp_path / "state") as state:
        with lab_holding(LEVER, "held", LAB_STATE_DIR=str(state)) as process:
            await_moment(process, "held")
            assert now(LEVER) == LEVERS[LEVER][1]
            make_read_only(state)
            strike(process)
            code = process.wait(timeout=PATIENCE_S)
            errors = process.stderr.read()
        assert code == 3, errors
        assert f"{LEVER} of {LEVERS[LEVER][0]} was put back, but the journal cannot say so" in errors
        assert "could not put back" not in errors
        assert now(LEVER) == FOUND
        subprocess.run(["mount", "-o", "remount,rw", str(state)], check=True)
        fill(state)
        done = lab("recover", LAB_STATE_DIR=str(state))
        assert (done.returncode, LEVER in done.stdout) == (0, True), done.stderr
        assert not (state_below(state) / "journal.jsonl").exists()
    assert now(LEVER) == FOUND


@contextmanager
def small_data(stack: Session) -> Iterator[None]:
    """The collector's data on a disk of a few kilobytes, mounted over its volume where only it sees that."""
    pid = stack.compose.container("collector").attrs["State"]["Pid"]
    inside = ["nsenter", "--target", str(pid), "--mount", "--pid", "--"]
    mount = [*inside, "mount", "-t", "tmpfs", "-o", "size=256k,mode=1777", "tmpfs", "/data"]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted in a container here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([*inside, "umount", "-l", "/data"], check=True)
        # Else it would go on writing to files on the small disk, and be unwell once that is full.
        announce(stack, Run(seed=1, start_unix_s=0.0, duration_s=1.0, warmup_s=0.0, stages=((1.0, 1.0),)))


def announce(stack: Session, run: Run) -> None:
    """Tells the collector of a run."""
    url = stack.compose.url("collector", ports.COLLECTOR)
    call("POST", f"{url}/runs", run.to_json(), stack.token("collector"))


def test_a_collector_without_room_is_an_error_before_the_run(stack: Session) -> None:
    with small_data(stack):
        run = Run(seed=1, start_unix_s=0.0, duration_s=600.0, warmup_s=0.0, stages=((600.0, 50.0),), time_scale=5.0)
        with pytest.raises(AnswerError, match=r"507 .*the collector has no room for this run: 0\.\d MB free"):
            announce(stack, run)
