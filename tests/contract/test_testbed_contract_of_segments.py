"""The contract of levers on nightly segments: what jobs write, what lands late, the market; its faults and decoys."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.injection.dry_run import PlanTestbed
from lab.injection.levers import LeverValue, Testbed, lever_types
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from tests.segments import DECOYS, FAULTS, nights
from tests.testbed_contract import *  # noqa: F403
from tests.testbed_contract import Injection, injecting, possible

SYSTEM = load_system("segmentation")
WITHIN = {"at": "1d", "for": "1d"}


@pytest.fixture(params=["plan", "sim"])
def testbed(request: pytest.FixtureRequest, tmp_path: Path) -> Testbed:
    """Every testbed that is installed without more than this package, at rest."""
    return PlanTestbed(SYSTEM) if request.param == "plan" else SimTestbed(nights(tmp_path, 3), 1)


@pytest.fixture(params=possible(SYSTEM), ids=lambda lever: lever.name)
def lever(request: pytest.FixtureRequest) -> type[LeverValue]:
    found: type[LeverValue] = request.param
    return found


@pytest.fixture(params=[*FAULTS, *DECOYS])
def injection(request: pytest.FixtureRequest, tmp_path: Path) -> Injection:
    section, uses = ("faults", FAULTS) if request.param in FAULTS else ("decoys", DECOYS)
    return injecting(nights(tmp_path, 3, **{section: [{"id": "f1", **uses[request.param], **WITHIN}]}))


def test_what_this_world_alone_has_can_be_pulled_here() -> None:
    own = {
        "job.keep-output",
        "partition.delay",
        "market.open",
        "market.holiday",
        "market.response",
        "population.growth",
    }
    assert own <= {lever.name for lever in possible(SYSTEM)} <= set(lever_types())
