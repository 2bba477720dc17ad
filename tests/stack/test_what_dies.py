"""Containers that die, stop or stand still in the middle of a run: told at once, recorded, never graded, and mended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.testbeds.stack.session import Session
from tests.stack.running import (
    LASTS_S,
    TIME_SCALE,
    await_load,
    journal_of,
    lab_running,
    mend,
    outcome,
    recorded,
    write_scenario,
)
from tests.waiting import eventually

pytestmark = pytest.mark.stack

INCONCLUSIVE = 4
HOG = ["python", "-c", "hog = bytearray(1 << 30)"]
CASES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "load killed": ("load", lambda container: container.kill(), "was killed (exit 137)"),
    "collector killed": ("collector", lambda container: container.kill(), "was killed (exit 137)"),
    "db restarted": ("db", lambda container: container.restart(timeout=5), "was stopped (exit"),
    "features stopped": ("features", lambda container: container.stop(timeout=5), "was stopped (exit"),
    "model out of memory": ("model", lambda container: container.exec_run(HOG), "ran out of memory"),
    "rules paused": ("rules", lambda container: container.pause(), "was paused"),
}


QUICK = ("collector killed", "db restarted", "model out of memory")


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_a_container_that_dies_ends_the_run_which_is_not_graded(stack: Session, tmp_path: Path, case: str) -> None:
    service, disturb, said = CASES[case]
    path = write_scenario(tmp_path)
    try:
        with lab_running(path) as lab:
            await_load(stack, lab)
            disturb(stack.compose.container(service))
            ended = outcome(lab)
        what = f"container {service} {said}"
        assert ended.code == INCONCLUSIVE
        assert f"! {what}" in ended.told
        assert ended.reason.count("inconclusive: disturbed: ") == 1
        assert what in ended.reason
        assert ended.document["cases"] == []
        run = recorded(path)
        first = run["disturbances"][0]
        assert first["element"] == service
        assert first["time_s"] < LASTS_S / 2
        assert first in [{k: v for k, v in event.items() if k != "event"} for event in journal_of(path)]
    finally:
        mend(stack)


@pytest.mark.slow
def test_what_is_recorded_of_a_disturbed_run_does_not_tell_engines(stack: Session, tmp_path: Path) -> None:
    path = write_scenario(tmp_path)
    try:
        with lab_running(path) as lab:
            await_load(stack, lab, requests=100)
            stack.compose.container("collector").kill()
            outcome(lab)
        [observed] = (tmp_path / "runs").glob("*/*/observed")
        texts = [file.read_text(encoding="utf-8") for file in observed.rglob("*.json*")]
        assert texts
        assert not any("disturb" in text or "killed" in text for text in texts)
    finally:
        mend(stack)


def test_status_tells_how_a_container_ended_not_that_it_is_unhealthy(stack: Session) -> None:
    try:
        stack.compose.container("rules").kill()
        stack.compose.container("model").pause()
        command = [sys.executable, "-m", "lab", "stack", "status", "--json"]
        eventually(lambda: stack.compose.health()["rules"] == "exited (exit 137)")
        told = subprocess.run(command, check=False, capture_output=True, text=True)
        assert told.returncode == 1
        services = json.loads(told.stdout)["services"]
        assert services["rules"] == "exited (exit 137)"
        assert services["model"] == "paused"
        assert services["db"] == "healthy"
    finally:
        mend(stack)


@pytest.mark.slow
def test_the_next_run_mends_whatever_died(stack: Session, tmp_path: Path) -> None:
    """Also what keeps its state in memory: the cache's library, the proxy's links, the load's worker."""
    for service in ("db", "cache", "links", "model", "load", "collector"):
        stack.compose.container(service).kill()
    path = write_scenario(tmp_path, duration_s=100)
    with lab_running(path, "--seed", "3") as lab:
        ended = outcome(lab, within_s=600)
    assert ended.code in (0, INCONCLUSIVE), ended.told  # a machine that was busy meanwhile
    run = recorded(path)
    assert run["disturbances"] == []
    assert run["time_scale"] == TIME_SCALE
