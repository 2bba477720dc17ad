"""The contract of levers on a system with pools: connections, and threads that are handed out one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.injection.dry_run import PlanTestbed
from lab.injection.levers import LeverValue, Testbed
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from tests.simulated import OF_POOLS, THREADS, scenario
from tests.testbed_contract import *  # noqa: F403
from tests.testbed_contract import Injection, injecting, placed

SYSTEM = load_system(THREADS)


@pytest.fixture(params=["plan", "sim"])
def testbed(request: pytest.FixtureRequest, tmp_path: Path) -> Testbed:
    if request.param == "plan":
        return PlanTestbed(SYSTEM)
    return SimTestbed(scenario(tmp_path, system=THREADS, duration_s=30, rate_per_s=5), 1)


@pytest.fixture(params=placed(SYSTEM), ids=lambda lever: lever.name)
def lever(request: pytest.FixtureRequest) -> type[LeverValue]:
    found: type[LeverValue] = request.param
    return found


@pytest.fixture(params=OF_POOLS)
def injection(request: pytest.FixtureRequest, tmp_path: Path) -> Injection:
    use = {**OF_POOLS[request.param], "at": "30s", "for": "30s"}
    return injecting(scenario(tmp_path, name="one", system=THREADS, faults=[use]))
