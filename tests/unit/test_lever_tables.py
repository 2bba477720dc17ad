"""Each testbed's table of levers, without a stack: complete, and honest about what it cannot do before a run begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from lab.agreed.cache import CachePolicy
from lab.contracts import Boundary
from lab.errors import UserError
from lab.injection import faults
from lab.injection.levers import (
    ComponentLimit,
    ConfigSet,
    LeverTable,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    LinkReset,
    LinkThrottle,
    ModelDeploy,
    Place,
    TableSlow,
    Testbed,
    act_types,
    lever_types,
)
from lab.systems.configuration import JOB_KEYS, configuration
from lab.systems.files import load_system
from lab.testbeds.driver import Driver
from lab.testbeds.installed import drivers
from lab.testbeds.stack.levers import LEVERS as STACK
from services.common.configuration import change_step, checked, describe_steps
from services.common.policies import policies
from services.links.faults import FAULTS
from tests.cli_cases import lab
from tests.sim_runs import scenario, text

SYSTEM = load_system("recommender")
SHIPPED = {name: one for name, one in drivers().items() if isinstance(one, Driver) and name in ("sim", "stack")}
OF_TABLES = [set(one.levers) for one in SHIPPED.values()]  # worlds' own records come with their tables
RECORDS = {**lever_types(), **act_types()}
each_testbed = pytest.mark.parametrize("driver", SHIPPED.values(), ids=SHIPPED)


def set_a_key(testbed: Testbed, component: str, *, key: str, value: float) -> Iterator[None]:
    """A key of a component's configuration is set."""
    with testbed.pull(f"{component}/{key}", ConfigSet(value=value)):
        yield


@pytest.fixture
def misconfiguration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of that name, for one test."""
    monkeypatch.setattr(faults, "_registered", dict(faults.fault_types()))
    faults.fault(
        "misconfiguration",
        boundary=Boundary.INTEGRATION,
        target="service|job|cache|model|database",
        witnesses=(faults.Witness("client_timeout_ratio", "*", 0.02),),
        recovery_s=1,
    )(set_a_key)


@each_testbed
def test_a_table_has_records_only(driver: Driver[Any]) -> None:
    assert isinstance(driver.levers, LeverTable)
    assert set(driver.levers) <= RECORDS.keys()
    assert len(driver.levers) == len(list(driver.levers)) == len(set(driver.levers))


def test_the_simulator_has_every_lever_and_act() -> None:
    assert set(SHIPPED["sim"].levers) == RECORDS.keys()


def test_what_keeps_its_state_is_known_of_each_lever_of_the_stack() -> None:
    assert STACK.keepers.keys() == {name for name in STACK if name in lever_types()}


@pytest.mark.parametrize("lever", [ModelDeploy(version=3), ModelDeploy(training="next-windw")], ids=str)
def test_a_model_is_deployed_that_there_is_or_by_a_training_that_there_is(lever: LeverValue) -> None:
    with pytest.raises(UserError, match=r"no such model version|no model can be trained"):
        lever.check(SYSTEM, Place("model"))


def test_a_surge_of_more_requests_than_a_scenario_may_have_is_refused_before_it_begins(tmp_path: Path) -> None:
    surge = {"type": "traffic-surge", "target": "shoppers", "at": "60s", "with": {"rate": "1000/s"}}
    few, many = (
        scenario(tmp_path, duration_s=60_000, rate_per_s=5, decoys=[{**surge, "for": length}])
        for length in ("60s", "55000s")
    )
    assert SHIPPED["sim"].check(few, SHIPPED["sim"].options()) == []
    (problem,) = SHIPPED["sim"].check(many, SHIPPED["sim"].options())
    assert "too many requests for the simulator" in problem.what


def test_what_a_world_cannot_do_with_a_lever_that_it_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content: LeverTable[object] = LeverTable("sim")
    content.lever(
        ConfigSet, lambda shop, place: None, lambda shop, place, value: None, lambda *_: "its entries live for ever"
    )
    monkeypatch.setattr("lab.testbeds.contents.loaded", lambda reference: content)
    assert SHIPPED["sim"].cannot(SYSTEM, "cache/settings.ttl_s", ConfigSet(value=5)) == "its entries live for ever"


@pytest.mark.parametrize("record", [LinkCut, LinkDelay, LinkDrop, LinkReset, LinkThrottle])
def test_the_fault_proxy_takes_exactly_what_a_link_s_lever_takes(record: type[LeverValue]) -> None:
    """So that no run on the stack is refused what its plan accepted."""
    limits: Any = {field.name: dict(field.metadata) for field in fields(FAULTS[record.name.partition(".")[2]])}
    for name, field in record.model_json_schema()["properties"].items():
        if "minimum" in field:
            assert (field["minimum"], field["maximum"]) == (limits[name]["low"], limits[name]["high"]), name


@pytest.mark.parametrize(
    ("element", "value", "reason"),
    [
        ("rules", ComponentLimit(workers=2), "it cannot change a component's workers"),
        ("rules", ComponentLimit(cpu=0.5), ""),
        ("db/items", TableSlow(seconds=1), "it can change the table users only, not 'items'"),
        ("db/users", TableSlow(seconds=1), ""),
        ("features/steps.db_get.timeout_s", ConfigSet(value=1), ""),
        ("rules/workers", ConfigSet(value=1), "'rules'"),
        ("shoppers/steps.recommend.timeout_s", ConfigSet(value=1), "'shoppers'"),
    ],
)
def test_the_stack_says_what_it_cannot_do_and_the_simulator_can(element: str, value: LeverValue, reason: str) -> None:
    problem = SHIPPED["stack"].cannot(SYSTEM, element, value)
    assert problem.startswith(reason) if reason else problem == ""
    assert SHIPPED["sim"].cannot(SYSTEM, element, value) == ""


@pytest.mark.parametrize("component", SYSTEM.components)
def test_every_key_of_every_component_has_a_value_that_fits_a_meaning_and_limits(component: str) -> None:
    keys = configuration(SYSTEM, component)
    assert keys
    for name, key in keys.items():
        assert key.setting.fits(key.value), name
        assert key.setting.doc
        assert key.setting.limits
        example = ConfigSet.example(SYSTEM, Place(component, name))
        assert example.value != key.value
        example.check(SYSTEM, Place(component, name))


def test_own_code_has_no_timeout_and_only_a_job_has_a_period() -> None:
    assert "steps.assemble.timeout_s" not in configuration(SYSTEM, "features")
    assert [name for name in SYSTEM.components if "period_s" in configuration(SYSTEM, name)] == ["feed"]
    assert "workers" not in configuration(SYSTEM, "feed")
    assert [name for name in SYSTEM.components if "settings.ttl_s" in configuration(SYSTEM, name)] == ["cache"]


VALUES = (-1, 0, 1e-10, 0.0004, 0.001, 0.09, 0.1, 0.5, 1, 2.0, 2.5, 5, 6, 25, 10_000, 86_400, 86_401, 1e300)


def reads_as_set(component: str, key: str, value: float) -> bool:
    """Whether what configures the component on the stack takes the value, and keeps it: the code of its container."""
    family, _, last = key.rpartition(".")
    if component == "cache":
        changed = replace(CachePolicy(25.0, time_scale=5.0), ttl_s=value)
        return CachePolicy.of(changed.library()) == changed
    if not family:
        return checked(last, JOB_KEYS[last], value) == value
    step, there = family.removeprefix("steps."), policies(SYSTEM.components[component].steps)
    change_step(there, step, last, value)
    return bool(describe_steps(there)[step][last] == value)


@pytest.mark.parametrize("component", SYSTEM.components)
def test_what_a_plan_for_the_stack_accepts_of_a_key_its_container_takes(component: str) -> None:
    """And refuses what its container refuses; the cache's own limits are wider."""
    for key in configuration(SYSTEM, component):
        place = Place(component, key)
        for value in (ConfigSet(value=number) for number in VALUES):
            if SHIPPED["stack"].cannot(SYSTEM, str(place), value):
                continue
            try:
                value.check(SYSTEM, place)
            except UserError:
                if component != "cache":
                    with pytest.raises(ValueError, match=r"expected "):
                        reads_as_set(component, key, value.value)
            else:
                assert reads_as_set(component, key, value.value), (place, value)


@pytest.mark.parametrize(
    ("target", "parameters", "testbed", "reason"),
    [
        ("features", {"key": "steps.db_gte.timeout_s", "value": 1.0}, "sim", "did you mean 'steps.db_get.timeout_s'?"),
        ("features", {"key": "steps.db_get.retries", "value": 1.5}, "sim", "a whole number, at least 0 and at most 5"),
        ("features", {"key": "steps.db_get.timeout_s", "value": 0.0}, "sim", "seconds, more than 0"),
        ("features", {"key": "steps.db_get.timeout_s", "value": "fast"}, "sim", "expected: a"),
        ("cache", {"key": "settings.ttl_s", "value": 5.0}, "sim", ""),
        ("rules", {"key": "workers", "value": 2.0}, "stack", "config.set of rules/workers: 'rules'"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("misconfiguration")
def test_the_dry_run_refuses_a_key_that_is_none_a_value_that_does_not_fit_and_what_the_testbed_cannot(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    target: str,
    parameters: dict[str, Any],
    testbed: str,
    reason: str,
) -> None:
    use = {"type": "misconfiguration", "target": target, "at": "120s", "for": "60s", "with": parameters}
    path = tmp_path / "one.scenario.yaml"
    path.write_text(text(duration_s=300, rate_per_s=20, faults=[use]), encoding="utf-8")
    assert lab("plan", path, "--testbed", testbed) == (2 if reason else 0)
    printed = capsys.readouterr()
    assert reason in printed.err
    if reason and testbed == "sim":
        assert f"{path}:" in printed.err, "the place in the file"


def test_a_lever_of_two_distributions_is_an_error_that_names_both() -> None:
    with pytest.raises(UserError, match=r"(?s)two levers are called 'link.cut'.*lab.injection.levers.links"):

        class LinkCut(LeverValue, lever="link.cut", on={"link"}, kept="leased"):
            """Somebody else's."""
