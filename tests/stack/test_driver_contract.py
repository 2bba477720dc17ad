"""The stack keeps the contract of drivers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.driver_suite import *  # noqa: F403
from lab.driver_suite import Case
from lab.injection.levers import LinkCut
from lab.testbeds.installed import choose
from lab.testbeds.stack.session import Session
from tests.sim_runs import scenario

pytestmark = [pytest.mark.stack, pytest.mark.slow]
OTHER = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
CUT = {"type": "network-partition", "target": "features->db", "at": "60s", "for": "60s"}


@pytest.fixture(scope="module")
def case(stack: Session, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("stack")
    loaded = scenario(folder, duration_s=150, rate_per_s=70, faults=[CUT])
    other = scenario(folder, name="other", system=str(OTHER), duration_s=150)
    chosen = choose("stack", {"time_scale": 5, "keep": True, "build": False})
    return Case(chosen, loaded, lambda t: t.read(LinkCut, "features->db") is not None, other)
