"""One lab at a time at one stack, whatever its state directory; a live one is shown as live and never reverted."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.injection.levers import Undo
from lab.testbeds.stack.session import Session
from tests.stack.checkouts import state_below
from tests.stack.holding import LEVERS, await_moment, lab_holding, now
from tests.stack.labs import lab_to_end
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

LEVER = "config.set"
ELEMENT, PULLED = LEVERS[LEVER]
FOUND = {"value": 0.12}
COMMANDS = [
    ("recover",),
    ("stack", "up", "--no-build"),
    ("stack", "down", "--volumes"),
    ("run", "recommender/control-quiet", "--testbed", "stack", "--time-scale", "5"),
]


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return lab_to_end(arguments, PATIENCE_S)


def status() -> tuple[int, dict[str, Any]]:
    done = lab("stack", "status", "--json")
    return done.returncode, json.loads(done.stdout)


def test_a_second_lab_is_refused_with_any_command_and_any_state_directory(
    stack: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lab_holding(LEVER, "held") as process:
        await_moment(process, "held")
        monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path))
        for command in COMMANDS:
            refused = lab(*command)
            assert refused.returncode == 2, command
            for word in ("another lab holds the stack", f"pid {process.pid}", str(stack.state), "lab stack abort"):
                assert word in refused.stderr, command
            assert now(LEVER) == PULLED, command
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
    assert now(LEVER) == FOUND


def test_what_a_live_lab_has_pulled_is_shown_as_its_own_and_is_no_failure(stack: Session) -> None:
    with lab_holding(LEVER, "held") as process:
        await_moment(process, "held")
        code, document = status()
        assert (code, document["not_reverted"]) == (0, [])
        assert document["live"]["pid"] == process.pid
        assert document["live"]["levers"] == [{"lever": LEVER, "element": ELEMENT, "previous": FOUND}]
        shown = lab("stack", "status").stdout
        assert f"live: lab hold (pid {process.pid}" in shown
        assert f"pulled by it: {LEVER} of {ELEMENT}" in shown
        assert "not reverted" not in shown
        process.kill()
        process.wait(timeout=PATIENCE_S)
        code, document = status()
        assert (code, document["live"]) == (1, None)
        assert [undo["element"] for undo in document["not_reverted"]] == [ELEMENT]
    assert lab("recover").returncode == 0
    assert status()[0] == 0


def test_what_a_lab_with_another_state_directory_left_is_shown_and_put_back(stack: Session, tmp_path: Path) -> None:
    with lab_holding(LEVER, "held", LAB_STATE_DIR=str(tmp_path)) as process:
        await_moment(process, "held")
        process.kill()
        process.wait(timeout=PATIENCE_S)
    assert now(LEVER) == PULLED
    code, document = status()
    assert code == 1
    assert document["not_reverted"] == [
        {"lever": LEVER, "element": ELEMENT, "previous": FOUND, "journal": str(state_below(tmp_path) / "journal.jsonl")}
    ]
    with stack.lock.held():
        assert stack.recover() == [Undo(LEVER, ELEMENT, FOUND)]
    assert now(LEVER) == FOUND
    assert status()[0] == 0


def test_changes_of_a_lab_whose_state_directory_is_gone_are_unknown(stack: Session, tmp_path: Path) -> None:
    gone = tmp_path / "state"
    with lab_holding(LEVER, "intent", LAB_STATE_DIR=str(gone)) as process:
        await_moment(process, "intent")
        process.kill()
        process.wait(timeout=PATIENCE_S)
    aside = gone.rename(tmp_path / "aside")
    code, document = status()
    assert (code, document["unknown"]) == (1, [str(state_below(gone))])
    recovered = lab("recover")
    assert recovered.returncode == 6
    assert f"its state directory is gone: {state_below(gone)}" in recovered.stderr
    aside.rename(gone)
    assert lab("recover").returncode == 0
