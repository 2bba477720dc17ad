"""The real stack for the tests marked `stack`.

They are skipped unless LAB_STACK=1 (skipped with the reason where Docker does not answer) or LAB_REQUIRE_STACK=1, as in
CI (then they fail instead).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from lab.errors import UserError
from lab.systems.files import load_system
from lab.testbeds.stack.session import Session
from tests.waiting import eventually

IS_REQUIRED = os.environ.get("LAB_REQUIRE_STACK") == "1"
IS_ASKED = IS_REQUIRED or os.environ.get("LAB_STACK") == "1"


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


def give_up(reason: str) -> NoReturn:
    """Skips a test that needs the stack, or fails it where the stack is required."""
    if IS_REQUIRED:
        pytest.fail(f"LAB_REQUIRE_STACK=1, but {reason}")
    pytest.skip(reason)
