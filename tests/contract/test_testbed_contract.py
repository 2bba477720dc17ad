"""Every testbed that needs no container keeps the contract of levers, on a system without a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.errors import ParameterError, UserError
from lab.injection.dry_run import PlanTestbed
from lab.injection.levers import (
    CacheFlush,
    CacheFreeze,
    ComponentLimit,
    ComponentPause,
    ConfigSet,
    FeedFreeze,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    ModelDeploy,
    ModelUnload,
    PopulationSurge,
    TableColumn,
    TableLock,
    Testbed,
    Undo,
)
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from tests.simulated import BOOKINGS, DECOYS, FAULTS, scenario
from tests.testbed_contract import *  # noqa: F403
from tests.testbed_contract import Injection, Spy, injecting, placed

SYSTEM = load_system(BOOKINGS)
WITHIN = {"at": "30s", "for": "30s"}


@pytest.fixture(params=["plan", "sim"])
def testbed(request: pytest.FixtureRequest, tmp_path: Path) -> Testbed:
    """Every testbed that is installed without more than this package, at rest."""
    if request.param == "plan":
        return PlanTestbed(SYSTEM)
    return SimTestbed(scenario(tmp_path, duration_s=30, rate_per_s=5), 1)


@pytest.fixture(params=placed(SYSTEM), ids=lambda lever: lever.name)
def lever(request: pytest.FixtureRequest) -> type[LeverValue]:
    found: type[LeverValue] = request.param
    return found


@pytest.fixture(params=[*FAULTS, *DECOYS])
def injection(request: pytest.FixtureRequest, tmp_path: Path) -> Injection:
    section, uses = ("faults", FAULTS) if request.param in FAULTS else ("decoys", DECOYS)
    return injecting(scenario(tmp_path, name="one", **{section: [{**uses[request.param], **WITHIN}]}))


def test_a_write_that_fails_is_reverted_too(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    write = testbed.write

    def breaks_after_writing(lever: Any, element: str, value: Any) -> None:
        write(lever, element, value)
        if value is not None:
            raise OSError("half done")

    monkeypatch.setattr(testbed, "write", breaks_after_writing)
    with pytest.raises(OSError, match="half done"), testbed.pull("db", ComponentPause()):
        pass
    assert testbed.read(ComponentPause, "db") is None


def test_nested_pulls_of_one_lever_unwind_in_order(testbed: Testbed) -> None:
    few, many = LinkDrop(fraction=0.1), LinkDrop(fraction=0.2)
    with testbed.pull("desk->db", few):
        with testbed.pull("desk->db", many):
            assert testbed.read(LinkDrop, "desk->db") == many
        assert testbed.read(LinkDrop, "desk->db") == few
    assert testbed.read(LinkDrop, "desk->db") is None


def test_a_lever_is_pulled_on_one_element_alone(testbed: Testbed) -> None:
    with testbed.pull("db/rooms", TableLock()), testbed.pull("db", ComponentPause()):
        assert testbed.read(TableLock, "db/guests") is None
        with testbed.pull("db/guests", TableLock()):
            pass
        assert testbed.read(TableLock, "db/rooms") == TableLock()
        assert testbed.read(ComponentPause, "model") is None


@pytest.mark.parametrize(
    ("element", "value", "message"),
    [
        ("desk->dbb", LinkCut(), "did you mean 'desk->db'?"),
        ("desc", ComponentPause(), "did you mean 'desk'?"),
        ("desk->db", ComponentPause(), "is of kind link"),
        ("people", ComponentPause(), "'people' is of kind users, not cache or database or job or model or service"),
        ("db", TableLock(), "for table.lock the place is written COMPONENT/TABLE"),
        ("db/rooms", ComponentPause(), "for component.pause the place is written ELEMENT"),
        ("db", CacheFreeze(), "'db' is of kind database, not cache"),
        ("rules", ModelUnload(), "'rules' is of kind service, not model"),
        ("desk", FeedFreeze(), "not job"),
        ("desk", PopulationSurge(rate_per_s=5), "not users"),
        ("desc/steps.db_get.timeout_s", ConfigSet(value=1), "did you mean 'desk'?"),
        ("desk/steps.db_gte.timeout_s", ConfigSet(value=1), "did you mean 'steps.db_get.timeout_s'?"),
        ("desk/steps.db_get.retries", ConfigSet(value=1.5), "a whole number, at least 0 and at most 5"),
        ("desk/steps.db_get.retries", ConfigSet(value=6), "seen:     6"),
        ("desk/steps.db_get.timeout_s", ConfigSet(value=0), "seconds, more than 0"),
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


def test_an_undo_of_an_unknown_lever_is_refused_with_the_nearest_name(testbed: Testbed) -> None:
    with pytest.raises(UserError, match=r"(?s)unknown lever 'link.cutt'.*did you mean 'link.cut'?"):
        testbed.revert(Undo("link.cutt", "desk->db", None))


def test_an_act_on_what_does_not_have_it_is_refused(testbed: Testbed) -> None:
    with pytest.raises(UserError, match="'db' is of kind database, not cache"):
        testbed.act("db", CacheFlush())


@pytest.mark.parametrize(
    ("record", "values", "message"),
    [
        (LinkCut, {"fraction": 1.5}, "bad value for 'fraction' of link.cut"),
        (LinkCut, {"fracton": 0.5}, "did you mean 'fraction'?"),
        (LinkDelay, {}, "link.delay needs 'latency_s'"),
        (LinkDelay, {"latency_s": "80ms"}, "seen:     '80ms'"),
        (ComponentPause, {"for_s": 1}, "it takes no values"),
        (ComponentLimit, {}, "expected cpu, workers or both"),
        (TableColumn, {"change": "rename"}, "expected 'to' beside it"),
        (ModelDeploy, {"training": "next-window", "version": 1}, "either training or version"),
    ],
)
def test_a_value_that_does_not_fit_its_lever_is_refused_by_the_name_of_the_field(
    record: type[LeverValue], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        record(**values)
    assert message in str(caught.value)
