"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

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
        from lab.worlds.shop.kernel import load_pages

        load_plane()
        load_pages()


@pytest.fixture(autouse=True)
def _debugging_ends_with_the_test() -> Iterator[None]:
    """`lab --debug` is kept in the environment, which all tests of a process share."""
    before = os.environ.get("LAB_DEBUG")
    yield
    if before is None:
        os.environ.pop("LAB_DEBUG", None)
    else:
        os.environ["LAB_DEBUG"] = before
