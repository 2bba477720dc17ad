"""What was pulled may end with what kept it, a container or a volume: then nothing is left, and that is said."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.injection.levers import Undo
from lab.testbeds.stack.holding import held
from lab.testbeds.stack.journal import Journal
from lab.testbeds.stack.lock import StackLock
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.session import Session
from tests.stack.checkouts import copy_checkout, run_lab, state_below
from tests.stack.holding import LEVERS, await_moment, lab_holding, now
from tests.stack.recovering import lab_recover, run_recover
from tests.stack.running import mend
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

INTERRUPTED, NOT_REVERTED = 130, 6


def remove(container: Any) -> None:
    container.remove(force=True)


def kill(container: Any) -> None:
    container.kill()


CASES: dict[str, tuple[str, str, Callable[[Any], None]]] = {
    "proxy removed": ("link.cut", "links", remove),
    "feed removed": ("feed.freeze", "feed", remove),
    "cache killed": ("cache.freeze", "cache", kill),
    "features killed": ("config.set", "features", kill),
    "rules removed": ("component.limit", "rules", remove),
}
QUICK = ("proxy removed",)


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_a_lever_ends_with_the_container_that_kept_it(stack: Session, case: str) -> None:
    lever, service, end = CASES[case]
    before = now(lever)
    try:
        with lab_holding(lever, "held") as process:
            await_moment(process, "held")
            end(stack.compose.container(service))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == INTERRUPTED
            errors = process.stderr.read()
        assert f"nothing is left of {lever} of {LEVERS[lever][0]}: it ended with" in errors
        assert service in errors
        assert "could not put back" not in errors
        assert stack.journal.open_undos() == []
        assert lab_recover() == []
    finally:
        mend(stack)
    assert now(lever) == before


@pytest.mark.slow
def test_what_a_killed_lab_left_in_a_container_that_is_gone_is_no_errand_of_recover(stack: Session) -> None:
    try:
        with lab_holding("link.cut", "held") as process:
            await_moment(process, "held")
            process.kill()
            process.wait(timeout=PATIENCE_S)
        remove(stack.compose.container("links"))
        recovered = run_recover()
        assert recovered.returncode == 0
        assert "nothing is left of link.cut of features->db: it ended with the container of links" in recovered.stderr
        assert "nothing was left to revert" in recovered.stdout
    finally:
        mend(stack)


@pytest.mark.slow
def test_what_is_in_a_volume_outlives_the_container_and_is_put_back_with_the_next(stack: Session) -> None:
    try:
        with lab_holding("table.column", "held") as process:
            await_moment(process, "held")
            remove(stack.compose.container("db"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == NOT_REVERTED
            errors = process.stderr.read()
        assert "could not put back table.column of db/users.age_years (value before: null)" in errors
        assert "service 'db' has no container; run: lab stack up" in errors
    finally:
        mend(stack)
    assert now("table.column") is None
    assert stack.journal.open_undos() == []


def test_what_ended_with_volumes_removed_by_hand_is_forgotten_with_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `docker compose down --volumes` by hand, when a lab was killed, and the state of another one is lost."""
    other, state, lost = copy_checkout(tmp_path / "checkout"), tmp_path / "state", tmp_path / "lost"
    monkeypatch.setenv("LAB_STATE_DIR", str(state))
    for directory in (state_below(state, other), lost):
        with StackLock(other / ".lab", directory).held():
            Journal(directory).write("intent", Undo("table.slow", "db/users", None), {"seconds": 1}, 0.0)
    shutil.rmtree(lost)

    def counts() -> tuple[int, int]:
        document = json.loads(run_lab(other, "stack", "status", "--json").stdout)
        return len(document["not_reverted"]), len(document["unknown"])

    assert counts() == (1, 1)
    kept = run_lab(other, "stack", "down")
    assert (kept.returncode, counts()) == (0, (1, 1)), "nobody said that the data is to go"
    done = run_lab(other, "stack", "down", "--volumes")
    assert done.returncode == 0, done.stderr
    assert "forgotten, for it ended with the stack's containers and volumes: table.slow of db/users" in done.stderr
    assert str(lost) in done.stderr
    assert counts() == (0, 0)
    assert run_lab(other, "recover").returncode == 0


def test_what_is_open_in_another_checkout_is_none_of_this_ones_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both labs have one LAB_STATE_DIR, as from a shell's start-up file."""
    theirs, mine = (copy_checkout(tmp_path / name) for name in ("theirs", "mine"))
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path / "state"))
    assert run_lab(theirs, "recover").returncode == 0
    journal = Journal(state_below(tmp_path / "state", theirs))
    journal.write("intent", Undo("table.slow", "db/users", None), {"seconds": 1}, 0.0)
    before = journal.path.read_bytes()
    for command in (("recover",), ("stack", "down", "--volumes")):
        done = run_lab(mine, *command)
        assert (done.returncode, "table.slow" in done.stdout + done.stderr) == (0, False), done
        assert journal.path.read_bytes() == before
    assert run_lab(theirs, "recover").returncode == NOT_REVERTED, "their stack is down, and that is theirs to tell"


@pytest.mark.slow
def test_a_run_with_more_workers_leaves_as_many_as_it_found(stack: Session) -> None:
    assert stack.load_workers() == 1
    with held(stack, StackOptions(build=False, load_workers=2)):
        assert stack.load_workers() == 2
    assert stack.load_workers() == 1
    assert stack.compose.is_healthy()
