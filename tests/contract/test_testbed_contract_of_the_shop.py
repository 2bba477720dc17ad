"""The contract of levers on the shop's system: levers of content, and every fault and decoy there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import UserError
from lab.injection.dry_run import PlanTestbed
from lab.injection.faults import fault_types
from lab.injection.levers import ConfigSet, LeverValue, PopulationShift, TableColumn, Testbed, lever_types
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from tests.segments import FAULTS as OF_NIGHTS
from tests.sim_runs import DECOYS, FAULTS, scenario
from tests.simulated import OF_POOLS
from tests.testbed_contract import *  # noqa: F403
from tests.testbed_contract import Injection, Spy, injecting, placed, possible

SYSTEM = load_system("recommender")
WITHIN = {"at": "30s", "for": "30s"}


@pytest.fixture(params=["plan", "sim"])
def testbed(request: pytest.FixtureRequest, tmp_path: Path) -> Testbed:
    """Every testbed that is installed without more than this package, at rest."""
    if request.param == "plan":
        return PlanTestbed(SYSTEM)
    return SimTestbed(scenario(tmp_path, duration_s=30, rate_per_s=5), 1)


@pytest.fixture(params=possible(SYSTEM), ids=lambda lever: lever.name)
def lever(request: pytest.FixtureRequest) -> type[LeverValue]:
    found: type[LeverValue] = request.param
    return found


@pytest.fixture(params=[*FAULTS, *DECOYS])
def injection(request: pytest.FixtureRequest, tmp_path: Path) -> Injection:
    section, uses = ("faults", FAULTS) if request.param in FAULTS else ("decoys", DECOYS)
    return injecting(scenario(tmp_path, name="one", **{section: [{**uses[request.param], **WITHIN}]}))


def test_every_lever_has_a_place_here_but_those_of_another_market() -> None:
    elsewhere = {lever for lever in lever_types().values() if lever not in placed(SYSTEM)}
    assert {lever.__module__ for lever in elsewhere} == {"lab.worlds.batch.market"}
    assert elsewhere <= set(placed(load_system("segmentation")))


@pytest.mark.parametrize(
    ("element", "value", "message"),
    [
        ("db/user.age_years", TableColumn(change="null"), "did you mean 'users'?"),
        ("db/users.age_year", TableColumn(change="null"), "did you mean 'age_years'?"),
        ("shoppers/age_year", PopulationShift(factor=2), "did you mean 'age_years'?"),
        ("features/steps.assemble.timeout_s", ConfigSet(value=1), "has no configuration key"),
        ("cache/settings.ttl", ConfigSet(value=1), "did you mean 'settings.ttl_s'?"),
    ],
    ids=lambda value: "" if isinstance(value, LeverValue) else str(value),
)
def test_what_does_not_exist_or_fit_is_refused_before_anything_is_journalled(
    testbed: Testbed, element: str, value: LeverValue, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(testbed, monkeypatch)
    with pytest.raises(UserError) as pulling:
        testbed.pull(element, value).__enter__()
    assert message in str(pulling.value)
    assert spy.events == []


def test_every_registered_fault_and_decoy_has_a_use_here() -> None:
    elsewhere = {use["type"] for use in OF_NIGHTS.values()}
    used = {use["type"] for use in (*FAULTS.values(), *DECOYS.values(), *OF_POOLS.values())}
    # A world's own are run on its own systems, by its own tests, and so are those of what jobs write.
    assert used | elsewhere >= {
        name for name, kind in fault_types().items() if not kind.module.startswith("lab.worlds.")
    }
