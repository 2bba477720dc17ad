"""Every driver that runs without Docker keeps the contract: the simulator, and a stranger's under examples/testbed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.driver_suite import *  # noqa: F403
from lab.driver_suite import Case
from lab.injection.levers import ComponentPause, LinkCut
from lab.scenario import load_scenario
from lab.testbeds.installed import choose
from tests.distributions import installed_here
from tests.simulated import scenario

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "testbed"
CUT = {"type": "network-partition", "target": "desk->db", "at": "60s", "for": "60s"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The distribution under examples/testbed, as good as installed."""
    with installed_here(EXAMPLE, tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture(scope="module", params=["sim", "processes"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, example: None) -> Case:
    folder = tmp_path_factory.mktemp(request.param)
    on_bookings = scenario(folder, duration_s=150, faults=[CUT])
    if request.param == "sim":
        return Case(choose("sim"), on_bookings, lambda t: t.read(LinkCut, "desk->db") is not None)
    frozen = load_scenario(EXAMPLE / "frozen.scenario.yaml").seen_by("rich")
    chosen = choose("processes", {"time_scale": 10, "state_dir": folder / "state"})
    return Case(chosen, frozen, lambda t: t.read(ComponentPause, "orders") is not None, on_bookings)
