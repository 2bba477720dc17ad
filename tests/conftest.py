"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from lab import plugins
from lab.injection.faults import GROUP as FAULTS
from lab.registration import world
from lab.registration.world import installed_worlds
from tests.of_worlds import OUT_OF_REACH, is_of_a_world

WITHOUT_WORLDS = "shop" not in installed_worlds()

# Each run draws the same examples, and none fails for being slow: what is red is red again, on every machine.
# Other examples are drawn with `--hypothesis-profile=explore`.
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")

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
    """Where the lab's own worlds are hidden (`make test-core`), leaves out what needs one, and what none reaches."""
    if not WITHOUT_WORLDS or collection_path.suffix != ".py":
        return None
    return True if collection_path.name in OUT_OF_REACH or is_of_a_world(collection_path) else None


@pytest.fixture(autouse=True)
def _out_of_reach_no_world_is_read(request: pytest.FixtureRequest) -> Iterator[None]:
    """So that what is left out where worlds are hidden can tell nothing of them."""
    if request.path.name not in OUT_OF_REACH:
        yield
        return
    found, registration = plugins._found, world._registration

    def refuse(what: str) -> None:
        pytest.fail(
            f"{what} is read: worlds matter to {request.path.name}, take it out of tests.of_worlds.OUT_OF_REACH"
        )

    def found_there(group: str, *more: Any) -> Any:
        return refuse(group) if group == FAULTS else found(group, *more)

    def registered_there(name: str, entry: Any) -> Any:
        return refuse(entry.value) if entry.value.startswith("lab.worlds.") else registration(name, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "_found", found_there)
        patch.setattr(world, "_registration", registered_there)
        yield


@pytest.fixture(autouse=True)
def _debugging_ends_with_the_test() -> Iterator[None]:
    """`lab --debug` is kept in the environment, which all tests of a process share."""
    before = os.environ.get("LAB_DEBUG")
    yield
    if before is None:
        os.environ.pop("LAB_DEBUG", None)
    else:
        os.environ["LAB_DEBUG"] = before
