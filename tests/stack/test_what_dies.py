"""Containers that die, stop or stand still in the middle of a run: told at once, recorded, never graded, and mended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.session import Session
from lab.testbeds.stack.watch import ContainerWatch
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
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack

INCONCLUSIVE = 4
CLOCKS_DIFFER_S = 0.1
HOG = ["python", "-c", "hog = bytearray(1 << 30)"]
CASES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "load killed": ("load", lambda container: container.kill(), "was killed (exit 137)"),
    "collector killed": ("collector", lambda container: container.kill(), "was killed (exit 137)"),
    "db restarted": ("db", lambda container: container.restart(timeout=5), "was stopped (exit"),
    "features stopped": ("features", lambda container: container.stop(timeout=5), "was stopped (exit"),
    "model out of memory": ("model", lambda container: container.exec_run(HOG), "ran out of memory"),
    "rules paused": ("rules", lambda container: container.pause(), "was paused"),
}
QUICK = ("collector killed",)
"""In CI, a whole run: that it is dug out of a dead collector is most easily broken."""


def test_whatever_happens_to_containers_is_noticed_and_status_says_how_they_are(stack: Session) -> None:
    try:
        with ContainerWatch(stack.compose, [], lambda unix_s: unix_s) as watch:
            for service, disturb, message in CASES.values():
                began_s = time.time()
                disturb(stack.compose.container(service))
                noticed = eventually(lambda service=service: [f for f in watch.found if f.service == service])
                assert noticed[0].what.startswith(message)
                assert began_s - CLOCKS_DIFFER_S < noticed[0].time_s < time.time() + CLOCKS_DIFFER_S
        command = [sys.executable, "-m", "lab", "stack", "status", "--json"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 1
        services = json.loads(done.stdout)["services"]
        assert services["load"] == services["collector"] == "exited (exit 137)"
        assert services["features"].startswith("exited (exit ")
        assert services["rules"] == "paused"
        assert services["cache"] == "healthy"
    finally:
        mend(stack)


@pytest.mark.slow
def test_a_stack_taken_down_by_hand_with_faults_in_stays_down_and_nothing_is_left_to_do(
    stack: Session, tmp_path: Path
) -> None:
    cache = {"id": "f1", "type": "stale-cache", "target": "cache", "at": "30s", "for": "2800s"}
    schema = {"id": "f2", "type": "schema-corruption", "target": "db", "at": "30s", "for": "2800s"}
    schema |= {"with": {"column": "age_years", "change": "null"}}
    path = write_scenario(tmp_path, faults=[cache, schema])
    try:
        with lab_running(path, time_scale=2.5, keep=False) as lab:
            eventually(lambda: len(stack.journal.open_undos()) == 2 or lab.poll() is not None, within_s=2 * PATIENCE_S)
            with stack.compose.start("down", "--volumes", "-t", "1") as by_hand:
                assert by_hand.wait(timeout=PATIENCE_S) == 0
            ended = outcome(lab)
        assert (ended.code, "inconclusive: disturbed: " in ended.reason) == (INCONCLUSIVE, True), ended
        assert "could not put back" not in ended.errors
        assert not belongings(stack.compose)
        assert stack.journal.open_undos() == []
    finally:
        mend(stack)


def test_a_one_off_beside_a_service_disturbs_no_run(stack: Session) -> None:
    with ContainerWatch(stack.compose, [], lambda unix_s: unix_s) as watch:
        stack.compose.run("run", "--rm", "--no-deps", "rules", "true")
        stack.compose.container("rules").pause()
        stack.compose.container("rules").unpause()
        eventually(lambda: len(watch.found) == 2)
    assert [found.what for found in watch.found] == ["was paused", "was unpaused"]


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_a_container_that_dies_ends_the_run_which_is_not_graded(stack: Session, tmp_path: Path, case: str) -> None:
    service, disturb, message = CASES[case]
    path = write_scenario(tmp_path)
    try:
        with lab_running(path) as lab:
            await_load(stack, lab)
            disturb(stack.compose.container(service))
            ended = outcome(lab)
        what = f"container {service} {message}"
        assert ended.code == INCONCLUSIVE
        assert f"! {what}" in ended.errors
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
def test_engines_cannot_see_that_a_run_was_disturbed(stack: Session, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_the_next_run_mends_whatever_died(stack: Session, tmp_path: Path) -> None:
    """Also what keeps its state in memory: the cache's library, the proxy's links, the load's worker."""
    for service in ("db", "cache", "links", "model", "load", "collector"):
        stack.compose.container(service).kill()
    path = write_scenario(tmp_path, duration_s=100)
    with lab_running(path, "--seed", "3") as lab:
        ended = outcome(lab, within_s=600)
    assert ended.code in (0, INCONCLUSIVE), ended.errors  # a machine that was busy meanwhile
    run = recorded(path)
    assert run["disturbances"] == []
    assert run["time_scale"] == TIME_SCALE
