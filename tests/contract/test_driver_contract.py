"""Every driver that runs without Docker keeps the contract: the simulator, and a stranger's under examples/testbed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.injection.levers import ComponentPause, LinkCut
from lab.scenario import load_scenario
from lab.testbeds.installed import choose
from tests.contract.driver_suite import *  # noqa: F403
from tests.contract.driver_suite import Case
from tests.distributions import installed_here
from tests.sim_runs import digests, scenario

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "testbed"
CUT = {"type": "network-partition", "target": "features->db", "at": "60s", "for": "60s"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The distribution under examples/testbed, as good as installed."""
    with installed_here(EXAMPLE, tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture(scope="module", params=["sim", "processes"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, example: None) -> Case:
    folder = tmp_path_factory.mktemp(request.param)
    on_recommender = scenario(folder, duration_s=150, faults=[CUT])
    if request.param == "sim":
        return Case(choose("sim"), on_recommender, lambda t: t.read(LinkCut, "features->db") is not None, None)
    frozen = load_scenario(EXAMPLE / "frozen.scenario.yaml").seen_by("rich")
    chosen = choose("processes", {"time_scale": 10, "state_dir": folder / "state"})
    return Case(chosen, frozen, lambda t: t.read(ComponentPause, "orders") is not None, on_recommender)


def test_how_time_is_cut_into_steps_changes_no_byte(case: Case, tmp_path: Path) -> None:
    """Of testbeds whose runs can be made again; others have the time before as control."""
    if not case.driver.is_repeatable:
        return
    fault, duration_s = case.fault, case.loaded.scenario.duration_s
    steps = random.Random(4)
    for name in ("whole", "in steps"):
        with case.open() as session:
            for until_s, then in ((fault.at_s, session.inject), (fault.at_s + fault.for_s, session.revert)):
                while name == "in steps" and session.now_s < until_s - 1:
                    session.advance(min(until_s, session.now_s + steps.choice([0.001, 0.7, 5.0, 13.37])))
                    if session.now_s > 10:
                        session.observed(session.now_s - steps.choice([0.0, 5.0]))
                session.advance(until_s)
                then(fault)
            session.advance(duration_s)
            session.finish().observed.write(tmp_path / name)
    assert digests(tmp_path / "whole") == digests(tmp_path / "in steps")
