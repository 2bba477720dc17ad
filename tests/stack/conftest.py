"""The real stack for the tests marked `stack`.

They are skipped unless LAB_STACK=1 (skipped with the reason where Docker does not answer) or LAB_REQUIRE_STACK=1, as in
CI (then they fail instead).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest

from lab.agreed import ports
from lab.errors import UserError
from lab.systems.files import load_system
from lab.testbeds.stack.http import call
from lab.testbeds.stack.session import Session
from tests.waiting import eventually

IS_REQUIRED = os.environ.get("LAB_REQUIRE_STACK") == "1"
IS_ASKED = IS_REQUIRED or os.environ.get("LAB_STACK") == "1"
LONG_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if IS_ASKED:
        return
    for item in items:
        if item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.skip(reason="needs the real stack: make test-stack, or LAB_STACK=1"))


_held: list[Session] = []


@pytest.fixture(scope="module", autouse=True)
def _left_as_found() -> Iterator[None]:
    """After each module the stack is well and nothing is open: the next may rely on it."""
    yield
    for session in _held:
        eventually(session.compose.is_healthy)
        assert session.journal.open_undos() == []


@pytest.fixture(scope="session")
def stack() -> Iterator[Session]:
    """The stack, healthy and with nothing open. What was not up before is taken down at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        give_up("there is one stack: run these tests in one process (-n 0)")
    session = Session(load_system("recommender"))
    try:
        session.compose.client.ping()
    except UserError as error:
        give_up(" ".join(str(error).split()))
    brought_up = session.up(model_server="lab")
    try:
        with session.lock.held():
            session.recover()
        _held.append(session)
        yield session
    finally:
        _held.clear()
        if brought_up:
            session.down(volumes=True)


@pytest.fixture(scope="module")
def first_versions(stack: Session) -> Session:
    """The stack with its first model versions."""
    stack.reset_versions()
    return stack


@pytest.fixture
def quiet(first_versions: Session) -> Iterator[Session]:
    """The stack during a run in which hardly anyone comes; `lab recover` ends what load it finds."""
    from lab.agreed.run import Run

    stack = first_versions
    # From now on, and for long enough on a slow machine: who comes after the end of a run is not let in.
    stack.start_unix_s = time.time()
    run = Run(
        seed=1, start_unix_s=stack.start_unix_s, duration_s=LONG_S, warmup_s=0, stages=((LONG_S, 0.01),)
    )  # fmt: skip
    load = f"{stack.compose.url('load', ports.LOAD)}/runs"
    call("POST", load, run.to_json(), stack.token("load"))
    stack.levers.cache.load(stack.levers.policy_of_run(run.time_scale))  # that of an earlier run may be in force
    yield stack
    call("DELETE", load, token=stack.token("load"))


def give_up(reason: str) -> NoReturn:
    """Skips a test that needs the stack, or fails it where the stack is required."""
    if IS_REQUIRED:
        pytest.fail(f"LAB_REQUIRE_STACK=1, but {reason}")
    pytest.skip(reason)
