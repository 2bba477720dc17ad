"""Remedies: what people can do about an incident, where, with what values; every lever can be put back by one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.errors import ParameterError
from lab.files.finding import shipped_names
from lab.injection.dry_run import PlanTestbed
from lab.injection.levers import ConfigSet, LeverValue, Place, TableColumn, lever_types
from lab.investigation.remedies import Remedy, apply, check, remedies, remedy
from lab.scenario import load_scenario
from lab.systems.files import load_system
from lab.systems.topology import System
from lab.testbeds.installed import choose
from lab.testbeds.sim import SimTestbed
from tests.simulated import BOOKINGS, THREADS
from tests.simulated import scenario as small

SYSTEMS = ["recommender", "fraud", "segmentation", BOOKINGS, THREADS]


@pytest.fixture(params=SYSTEMS, ids=lambda name: Path(name).name.partition(".")[0])
def system(request: pytest.FixtureRequest) -> System:
    return load_system(request.param)


def test_their_names_are_different_and_they_cost_minutes(system: System) -> None:
    known = remedies(system)
    assert len({one.name for one in known}) == len({one.title for one in known}) == len(known)
    assert all(30 <= one.cost_s <= 300 for one in known)
    assert all(one.doc.endswith(".") for one in known)


@pytest.mark.slow
def test_every_lever_that_can_be_pulled_is_put_back_by_a_remedy(system: System) -> None:
    driver = choose().driver
    for lever in lever_types().values():
        for place in lever.places(system):
            value = lever.example(system, Place.parse(place))
            if driver.cannot(system, place, value):
                continue
            assert any(_puts_back(one, system, place, value) for one in remedies(system)), (lever.name, place)


def _puts_back(one: Remedy, system: System, place: str, value: LeverValue) -> bool:
    """Whether a remedy at a place of its own puts back a lever that was set to a value, by putting it at rest."""
    near = Place.parse(place).element
    for where in one.places(system) if type(value) in one.rests else ():
        if Place.parse(where).element != near:
            continue
        testbed = PlanTestbed(system)
        before = testbed.read(type(value), place)
        testbed.write(type(value), place, value)
        one.apply(testbed, where)
        if testbed.read(type(value), place) == before:
            return True
    return False


def test_the_places_of_all_remedies_are_elements_of_the_system(system: System) -> None:
    kinds = system.elements()
    for one in remedies(system):
        for place in one.places(system):
            assert kinds[Place.parse(place).element] in one.on
            assert one.label(place)


@pytest.mark.slow
def test_a_value_is_described_by_its_limits_and_by_what_the_systems_file_says(system: System) -> None:
    for one in remedies(system):
        for place in one.places(system):
            schema = one.value(system, place)
            assert (schema is not None) == bool(one.keys)
            if schema is not None:
                key = ConfigSet.key(system, Place.parse(place))
                assert schema["now"] == key.value
                check(system, one.name, place, key.value)


@pytest.mark.parametrize(
    ("name", "place", "value", "which", "message"),
    [
        ("roll-back-modle", "model", None, "remedy", "did you mean 'roll-back-model'?"),
        ("roll-back-model", "modle", None, "place", "did you mean 'model'?"),
        ("roll-back-model", "cache", None, "place", "valid: model"),
        ("roll-back-model", "model", 3, "value", "takes no value"),
        ("scale-out", "model/workers", None, "value", "a whole number, at least 1"),
        ("scale-out", "model/workers", 0, "value", "a whole number, at least 1"),
        ("scale-out", "model/workers", 2.5, "value", "a whole number"),
        ("scale-out", "model/workers", True, "value", "a whole number"),
        ("scale-out", "model/workers", "4", "value", "a whole number"),
        ("set-timeout", "features/steps.db_get.retries", 1, "place", "did you mean"),
    ],
)
def test_what_cannot_be_done_is_refused_by_the_name_of_the_field(
    name: str, place: str, value: object, which: str, message: str
) -> None:
    testbed = PlanTestbed(load_system("recommender"))
    with pytest.raises(ParameterError) as caught:
        apply(testbed, name, place, value)  # type: ignore[arg-type]
    assert caught.value.parameter == which
    assert message in str(caught.value)
    assert testbed.acts == []


def test_a_migration_is_reverted_with_every_column_of_the_table_an_added_one_too() -> None:
    testbed = PlanTestbed(load_system("recommender"))
    added = {"change": "add", "type": "integer"}
    with ExitStack() as pulled:
        for place, value in [
            ("db/users.age_years", {"change": "null"}),
            ("db/users.updated_by", added),
            ("db/items.updated_by", added),
        ]:
            pulled.enter_context(testbed.pull(place, TableColumn.from_json(value)))
        apply(testbed, "revert-migration", "db/users")
        assert [hold.undo.element for hold in testbed.holds] == ["db/items.updated_by"]


def test_what_is_at_rest_is_left_alone(system: System) -> None:
    """So that a remedy shows in nothing but its own effect: no announcement, no new version."""
    testbed = PlanTestbed(system)
    for one in remedies(system):
        for place in one.places(system) if not (one.keys or one.pulls or one.acts) else ():
            one.apply(testbed, place)
    assert testbed.acts == []


@pytest.mark.slow
def test_the_list_does_not_depend_on_what_is_active(tmp_path: Path) -> None:
    told = {}
    for name in shipped_names(".scenario.yaml"):
        system = load_scenario(name).system
        told.setdefault(system.name, []).append([one.to_json(system) for one in remedies(system)])
    for lists in told.values():
        assert all(one == lists[0] for one in lists)


def test_a_restart_ends_no_hold_of_others(tmp_path: Path) -> None:
    loaded = small(tmp_path, duration_s=60, rate_per_s=5)
    testbed = SimTestbed(loaded, 1)
    slow, key = lever_types()["component.slow"].from_json({"factor": 3.0}), "desk/steps.db_get.timeout_s"
    with testbed.pull("desk", slow):
        apply(testbed, "set-timeout", key, 0.7)
        apply(testbed, "restart", "desk")
        assert testbed.read(type(slow), "desk") == slow
        assert testbed.read(ConfigSet, key) == ConfigSet(value=0.7)
    assert testbed.read(type(slow), "desk") is None
    assert remedy(loaded.system, "restart").cost_s == 60
