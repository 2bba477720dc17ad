"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.registration.world import installed_worlds
from tests.of_worlds import is_of_a_world

WITHOUT_WORLDS = "shop" not in installed_worlds()

# A shell's background job ignores SIGINT, and so would every process the tests start in order to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Under nohup they would ignore SIGHUP too.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compiles kernels that this machine has not yet, before tests wait for each other or mind what is printed."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        from lab.testbeds.sim.plane.loop import load_plane

        load_plane()
        if not WITHOUT_WORLDS:
            from lab.worlds.shop.kernel import load_pages

            load_pages()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leaves out what needs a world of the lab's own, where these are hidden (`make test-core`)."""
    return True if WITHOUT_WORLDS and collection_path.suffix == ".py" and is_of_a_world(collection_path) else None


@pytest.fixture(autouse=True)
def _debugging_ends_with_the_test() -> Iterator[None]:
    """`lab --debug` is kept in the environment, which all tests of a process share."""
    before = os.environ.get("LAB_DEBUG")
    yield
    if before is None:
        os.environ.pop("LAB_DEBUG", None)
    else:
        os.environ["LAB_DEBUG"] = before
