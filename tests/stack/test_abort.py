"""`lab stack abort` ends a lab from another terminal, at any moment, and leaves everything as it was found."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.live import described
from lab.testbeds.stack.session import Session
from tests.stack.holding import LEVERS, OF_EACH_WAY, await_moment, lab_holding, now
from tests.stack.running import hardly_warmed
from tests.waiting import PATIENCE_S, eventually, least_s

pytestmark = pytest.mark.stack

REVERTED_WITHIN_S = 5.0
INTERRUPTED, INCONCLUSIVE, NOT_REVERTED = 130, 4, 6
PLAN = """
schema_version: 1
name: {name}
title: Cut while others look
tags: [network]
system: {system}
duration: 600s
load:
  stages: [{{for: 600s, rate: 20/s}}]
faults:
  - {{id: f1, type: network-partition, target: features->db, at: 40s, for: 480s, with: {{direction: both}}}}
steady_state:
  - {{sli: error_ratio, below: 90%}}
"""


def abort(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "stack", "abort", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S)


def time_of_abort(stack: Session, lever: str, *, stop: bool) -> float:
    """How long it takes from the command's start until nothing is pulled any more."""
    before = now(lever)
    with lab_holding(lever, "held") as process:
        await_moment(process, "held")
        assert now(lever) != before
        if stop:
            process.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        with subprocess.Popen([sys.executable, "-m", "lab", "stack", "abort"], stdout=subprocess.PIPE) as aborting:
            eventually(lambda: not stack.journal.open_undos())
            took_s = time.monotonic() - began_s
            assert aborting.wait(timeout=PATIENCE_S) == 0
        code = process.wait(timeout=PATIENCE_S)
    assert now(lever) == before
    if stop:
        assert code == -signal.SIGKILL
    else:  # a machine under load may be too slow for it to end by itself
        assert code in (INTERRUPTED, -signal.SIGKILL)
    return took_s


@pytest.mark.parametrize("lever", [x if x in OF_EACH_WAY else pytest.param(x, marks=pytest.mark.slow) for x in LEVERS])
def test_everything_is_put_back_within_seconds(stack: Session, lever: str) -> None:
    least_s(lambda: time_of_abort(stack, lever, stop=False), REVERTED_WITHIN_S)


@pytest.mark.parametrize("lever", ["component.pause", "table.column"])
def test_a_lab_that_was_stopped_is_killed_and_put_back_as_fast(stack: Session, lever: str) -> None:
    least_s(lambda: time_of_abort(stack, lever, stop=True), REVERTED_WITHIN_S)


def test_a_lab_that_hangs_in_a_revert_is_killed_and_put_back(stack: Session) -> None:
    with lab_holding("config.set", "held", "reverting") as process:
        await_moment(process, "held")
        process.send_signal(signal.SIGINT)
        await_moment(process, "reverting")
        done = abort("--json")
        assert process.wait(timeout=PATIENCE_S) == -signal.SIGKILL
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert (output["killed"], [undo["lever"] for undo in output["reverted"]]) == (True, ["config.set"])
    assert now("config.set") == {"value": 0.12}


def test_what_a_paused_container_holds_is_named_at_once_with_what_to_do(stack: Session) -> None:
    features = stack.compose.container("features")
    with lab_holding("config.set", "held") as one:
        await_moment(one, "held")
        features.pause()
        try:
            done = abort()
            one.wait(timeout=PATIENCE_S)
        finally:
            features.unpause()
    assert done.returncode == NOT_REVERTED, done.stderr
    for word in ("could not put back config.set", f"docker unpause {features.name}", "lab recover"):
        assert word in done.stderr
    assert [undo.lever for undo in stack.journal.open_undos()] == ["config.set"]
    with stack.lock.held():
        stack.recover()
    assert now("config.set") == {"value": 0.12}


def test_without_a_live_lab_there_is_nothing_to_end(stack: Session) -> None:
    done = abort()
    assert (done.returncode, "no lab holds the stack" in done.stdout) == (0, True)
    done = abort("--json")
    assert json.loads(done.stdout) == {"schema_version": 1, "aborted": None, "killed": False, "reverted": []}


@contextmanager
def campaign(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """`lab run` of two scenarios, the first of which lasts for a minute."""
    for name in ("first", "second"):
        (directory / f"{name}.scenario.yaml").write_text(
            PLAN.format(name=name, system=hardly_warmed(directory)), encoding="utf-8"
        )
    command = [sys.executable, "-m", "lab", "run", str(directory), "--testbed", "stack", "--time-scale", "10", "--keep",
               "--runs-dir", str(directory / "runs"), "--no-report"]  # fmt: skip
    environment = os.environ | {"NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def doing(stack: Session) -> dict[str, Any]:
    look = stack.lock.look()
    return described(look.holder) if look.is_held and look.holder is not None else {"phase": "", "levers": []}


def await_phase(stack: Session, process: subprocess.Popen[str], phase: str) -> None:
    """Waits until a run does this; the test is skipped where the machine is too busy for the run to come so far."""

    def is_there() -> bool:
        live = doing(stack)
        return live["phase"] == phase and (phase != "fault in" or bool(live["levers"]))

    eventually(lambda: is_there() or process.poll() is not None)
    if process.poll() is not None:
        output = " ".join(process.communicate())
        if process.returncode == INCONCLUSIVE:
            pytest.skip(f"the run ended before it was {phase}: {output[:500]}")
        pytest.fail(output)


@pytest.mark.parametrize("phase", ["preparing", "warming up", "fault in"])
def test_a_run_ends_as_a_whole_at_any_moment_and_says_so(stack: Session, tmp_path: Path, phase: str) -> None:
    there = belongings(stack.compose)
    with campaign(tmp_path) as process:
        await_phase(stack, process, phase)
        done = abort()
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert process.returncode == INTERRUPTED, errors
    # On a busy machine the first may have ended as inconclusive.
    ended = re.search(r"aborted by lab stack abort during (first|second) seed", errors)
    assert ended is not None, errors
    assert "everything was put back" in errors
    assert stack.journal.open_undos() == []
    assert not list((tmp_path / "runs" / ended[1]).rglob("run.json"))
    assert belongings(stack.compose).containers == there.containers
