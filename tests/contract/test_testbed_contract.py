"""What every testbed promises about its levers: what is pulled reads as pulled, and goes back, whatever happens.

The same suite for each testbed. A pull that leads to a value of the testbed's own choosing (a deployed version
gets the next number) reads differently from before, and goes back all the same.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ParameterError, UserError
from lab.injection.dry_run import PlanTestbed
from lab.injection.faults import fault_type, fault_types
from lab.injection.levers import (
    CacheFlush,
    CacheFreeze,
    ComponentLimit,
    ComponentPause,
    ConfigSet,
    FeedFreeze,
    Json,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    ModelDeploy,
    ModelUnload,
    Place,
    PopulationShift,
    PopulationSurge,
    TableColumn,
    TableLock,
    Testbed,
    Undo,
    lever_type,
    lever_types,
)
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from tests.sim_runs import DECOYS, FAULTS, scenario

each_lever = pytest.mark.parametrize("lever", lever_types().values(), ids=lambda lever: lever.name)
SYSTEM = load_system("recommender")


def example(lever: type[LeverValue], testbed: Testbed) -> tuple[str, LeverValue]:
    """A place in the recommender where a lever is, and a value that changes something there."""
    element = next(iter(lever.places(testbed.system)))
    return element, lever.example(testbed.system, Place.parse(element))


@pytest.fixture(params=["plan", "sim"])
def testbed(request: pytest.FixtureRequest, tmp_path: Path) -> Testbed:
    """Every testbed that is installed without more than this package, at rest."""
    if request.param == "plan":
        return PlanTestbed(load_system("recommender"))
    return SimTestbed(scenario(tmp_path, duration_s=30, rate_per_s=5), 1)


class Spy:
    """What a testbed is asked to write and to journal, in order."""

    def __init__(self, testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.undos: list[Undo] = []
        write, journal = testbed.write, testbed.journal

        def spied_write(lever: Any, element: str, value: Any) -> None:
            self.events.append("write")
            write(lever, element, value)

        def spied_journal(event: Any, undo: Undo, value: Json | None) -> None:
            self.events.append(event)
            if event == "intent":
                self.undos.append(undo)
            journal(event, undo, value)

        monkeypatch.setattr(testbed, "write", spied_write)
        monkeypatch.setattr(testbed, "journal", spied_journal)


@each_lever
def test_a_lever_reads_as_pulled_and_goes_back(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    before = testbed.read(lever, element)
    with testbed.pull(element, value):
        during = testbed.read(lever, element)
        assert during != before
        assert during == value or issubclass(lever, ModelDeploy)  # which reads as the version that was trained
    assert testbed.read(lever, element) == before


@each_lever
def test_a_lever_goes_back_from_its_serialised_undo_as_often_as_wanted(
    testbed: Testbed, lever: type[LeverValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    element, value = example(lever, testbed)
    before = testbed.read(lever, element)
    spy = Spy(testbed, monkeypatch)
    context = testbed.pull(element, value)
    context.__enter__()
    (undo,) = spy.undos
    kept = json.dumps(asdict(undo))
    for _ in range(2):
        testbed.revert(Undo(**json.loads(kept)))
        assert testbed.read(lever, element) == before
    context.__exit__(None, None, None)
    assert testbed.read(lever, element) == before


@each_lever
def test_a_lever_goes_back_to_the_value_before_and_not_to_none(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    with testbed.pull(element, value):
        outer = testbed.read(lever, element)
        with testbed.pull(element, value):
            pass
        assert testbed.read(lever, element) == outer


@each_lever
def test_the_journal_knows_before_the_world_does(
    testbed: Testbed, lever: type[LeverValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(testbed, monkeypatch)
    with testbed.pull(*example(lever, testbed)):
        assert spy.events == ["intent", "write", "applied"]
    assert spy.events == ["intent", "write", "applied", "write", "reverted"]


@each_lever
def test_an_exception_inside_reverts(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    before = testbed.read(lever, element)
    with pytest.raises(ZeroDivisionError), testbed.pull(element, value):
        raise ZeroDivisionError
    assert testbed.read(lever, element) == before


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
    with testbed.pull("features->db", few):
        with testbed.pull("features->db", many):
            assert testbed.read(LinkDrop, "features->db") == many
        assert testbed.read(LinkDrop, "features->db") == few
    assert testbed.read(LinkDrop, "features->db") is None


def test_a_lever_is_pulled_on_one_element_alone(testbed: Testbed) -> None:
    with testbed.pull("db/users", TableLock()), testbed.pull("db", ComponentPause()):
        assert testbed.read(TableLock, "db/items") is None
        with testbed.pull("db/items", TableLock()):
            pass
        assert testbed.read(TableLock, "db/users") == TableLock()
        assert testbed.read(ComponentPause, "model") is None


@pytest.mark.parametrize(
    ("element", "value", "message"),
    [
        ("features->dbb", LinkCut(), "did you mean 'features->db'?"),
        ("featurs", ComponentPause(), "did you mean 'features'?"),
        ("features->db", ComponentPause(), "is of kind link"),
        ("shoppers", ComponentPause(), "'shoppers' is of kind users, not cache or database or job or model or service"),
        ("db/user.age_years", TableColumn(change="null"), "did you mean 'users'?"),
        ("db/users.age_year", TableColumn(change="null"), "did you mean 'age_years'?"),
        ("db", TableLock(), "for table.lock the place is written COMPONENT/TABLE"),
        ("db/users", ComponentPause(), "for component.pause the place is written ELEMENT"),
        ("db", CacheFreeze(), "'db' is of kind database, not cache"),
        ("rules", ModelUnload(), "'rules' is of kind service, not model"),
        ("features", FeedFreeze(), "not job"),
        ("features", PopulationSurge(rate_per_s=5), "not users"),
        ("shoppers/age_year", PopulationShift(factor=2), "did you mean 'age_years'?"),
        ("featurs/steps.db_get.timeout_s", ConfigSet(value=1), "did you mean 'features'?"),
        ("features/steps.db_gte.timeout_s", ConfigSet(value=1), "did you mean 'steps.db_get.timeout_s'?"),
        ("features/steps.assemble.timeout_s", ConfigSet(value=1), "has no configuration key"),
        ("cache/settings.ttl", ConfigSet(value=1), "did you mean 'settings.ttl_s'?"),
        ("features/steps.db_get.retries", ConfigSet(value=1.5), "a whole number, at least 0 and at most 5"),
        ("features/steps.db_get.retries", ConfigSet(value=6), "seen:     6"),
        ("features/steps.db_get.timeout_s", ConfigSet(value=0), "seconds, more than 0"),
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
        testbed.revert(Undo("link.cutt", "features->db", None))


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


def test_every_registered_fault_and_decoy_has_a_use_here() -> None:
    used = {use["type"] for use in (*FAULTS.values(), *DECOYS.values())}
    # A world's own are run on its own systems, by its own tests.
    assert used == {name for name, kind in fault_types().items() if not kind.module.startswith("lab.worlds.")}


def now(testbed: Testbed, undo: Undo) -> Json | None:
    """How a lever reads, as an undo has it."""
    value = testbed.read(lever_type(undo.lever), undo.element)
    return value.to_json() if value is not None else None


@pytest.mark.parametrize("name", [*FAULTS, *DECOYS])
def test_a_fault_leaves_every_lever_as_it_was(
    testbed: Testbed, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use: Any = {**FAULTS, **DECOYS}[name]
    loaded = scenario(tmp_path, faults=[{**use, "at": "30s", "for": "30s"}]) if name in FAULTS else None
    loaded = loaded or scenario(tmp_path, decoys=[{**use, "at": "30s", "for": "30s"}])
    validated = (*loaded.scenario.faults, *loaded.scenario.decoys)[0]
    spy = Spy(testbed, monkeypatch)
    with fault_type(validated.type).inject(testbed, validated.target, validated.parameters):
        assert spy.undos, "a fault pulls at least one lever"
        assert all(now(testbed, undo) != undo.previous for undo in spy.undos)
    assert all(now(testbed, undo) == undo.previous for undo in spy.undos)
    with suppress(RuntimeError), fault_type(validated.type).inject(testbed, validated.target, validated.parameters):
        raise RuntimeError("the run was aborted")
    assert all(now(testbed, undo) == undo.previous for undo in spy.undos)
