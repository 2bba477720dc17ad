"""Nothing is left behind: the lab is killed before, during and while reverting, and the stack is found as it was."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ExitCode
from lab.injection.levers import Undo
from lab.testbeds.stack.journal import Journal
from lab.testbeds.stack.session import Session
from tests.stack.checkouts import copy_checkout, run_lab, state_below
from tests.stack.holding import LEVERS, OF_EACH_WAY, await_moment, lab_holding, now, strike
from tests.stack.recovering import lab_recover, run_recover
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack

LEASED = {"link.cut", "feed.freeze", "component.slow", "table.lock"}
MOMENTS = ("intent", "held", "reverting")
CASES = [
    *((number, moment) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL) for moment in MOMENTS),
    (signal.SIGKILL, "reverted"),  # the others are held back until the journal has it
]
HEARD_BY = ("link.cut", "table.column")
"""One leased, one journalled: what a lab does that hears a signal is the same for all, and tried with all at times."""
INTERRUPTED, NOT_REVERTED = 130, 6


def in_ci(lever: str, number: signal.Signals, moment: str) -> bool:
    """Each lever is left pulled by a killed lab. At other moments it is the journal that matters, for all alike."""
    if number != signal.SIGKILL:
        return lever in HEARD_BY
    return moment == "held" or lever in OF_EACH_WAY


def cases() -> Iterator[Any]:
    for lever in LEVERS:
        for number, moment in CASES:
            marks = () if in_ci(lever, number, moment) else pytest.mark.slow
            yield pytest.param(lever, number, moment, marks=marks, id=f"{lever}-{number.name}-{moment}")


@pytest.mark.parametrize(("lever", "number", "moment"), list(cases()))
def test_a_killed_lab_leaves_nothing_behind(stack: Session, lever: str, number: signal.Signals, moment: str) -> None:
    previous = now(lever)
    with lab_holding(lever, moment) as process:
        await_moment(process, moment)
        assert stack.journal.open_undos() == [Undo(lever, LEVERS[lever][0], previous)]
        assert (now(lever) != previous) == (moment in ("held", "reverting"))
        strike(process, number)
        code = process.wait(timeout=PATIENCE_S)
    if number == signal.SIGKILL:
        assert code == -number
        if lever in LEASED:
            eventually(lambda: now(lever) == previous)
        elif moment in ("held", "reverting"):
            assert now(lever) != previous
        assert lab_recover() == [(lever, LEVERS[lever][0], previous)]
        assert not stack.journal.path.exists()
    else:
        assert code == INTERRUPTED
        assert stack.journal.open_undos() == []
    assert now(lever) == previous


def test_impatience_does_not_stop_a_revert(stack: Session) -> None:
    with lab_holding("table.column", "held", "reverting") as process:
        await_moment(process, "held")
        process.send_signal(signal.SIGINT)  # no line on stdin: it would end the next stay
        await_moment(process, "reverting")
        strike(process, *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) * 4)
        assert process.wait(timeout=PATIENCE_S) == INTERRUPTED
    assert now("table.column") is None
    assert stack.journal.open_undos() == []


def test_what_cannot_be_put_back_is_reported_exactly_and_is_put_back_once_it_can(stack: Session) -> None:
    before = now("model.deploy")
    message = f"could not put back model.deploy of model (value before: {json.dumps(before)})"
    model = stack.compose.container("model")
    try:
        with lab_holding("model.deploy", "held") as process:
            await_moment(process, "held")
            model.stop(timeout=2)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE_S) == NOT_REVERTED
            errors = process.stderr.read()
            assert message in errors
            assert "lab recover" in errors
        recovered = run_recover()
        assert recovered.returncode == NOT_REVERTED
        assert message in recovered.stderr
    finally:
        model.start()
    eventually(lambda: stack.compose.health()["model"] == "healthy")
    assert [undo[0] for undo in lab_recover()] == ["model.deploy"]
    assert now("model.deploy") == before
    assert lab_recover() == []


def test_a_changed_table_outlives_its_database_container_and_is_put_back_after(stack: Session) -> None:
    database = stack.compose.container("db")
    try:
        with lab_holding("table.column", "held") as process:
            await_moment(process, "held")
            database.stop(timeout=5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == NOT_REVERTED
            errors = process.stderr.read()
            assert "could not put back table.column of db/users.age_years (value before: null)" in errors
    finally:
        database.start()
    eventually(lambda: stack.compose.health()["db"] == "healthy")
    assert now("table.column") == LEVERS["table.column"][1]
    assert lab_recover() == [("table.column", "db/users.age_years", None)]
    assert now("table.column") is None


@pytest.mark.parametrize("engine", ["", "tcp://127.0.0.1:1"], ids=["stack is down", "engine is down"])
def test_without_a_stack_what_is_open_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    other, state = copy_checkout(tmp_path / "checkout"), tmp_path / "state"
    monkeypatch.setenv("LAB_STATE_DIR", str(state))
    if engine:
        monkeypatch.setenv("DOCKER_HOST", engine)
    nothing = run_lab(other, "recover", "--json")
    if engine:  # nobody knows what it keeps
        assert (nothing.returncode, nothing.stdout) == (ExitCode.INVALID, "")
    else:
        assert (nothing.returncode, json.loads(nothing.stdout)["reverted"]) == (ExitCode.OK, [])
    Journal(state_below(state, other)).write("intent", Undo("table.slow", "db/users", None), {"seconds": 1}, 0.0)
    recovered = run_lab(other, "recover")
    assert recovered.returncode == NOT_REVERTED
    assert "could not put back table.slow of db/users (value before: null)" in recovered.stderr
    assert ("Docker" if engine else "the stack is down") in recovered.stderr
    assert "lab stack up" in recovered.stderr
