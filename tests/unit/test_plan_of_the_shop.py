"""The dry run on the shop's system: every lever, every fault, and what content adds to plans."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ParameterError, UserError
from lab.injection.dry_run import PlannedAct, PlanTestbed, pulls
from lab.injection.faults import Witness, fault_types
from lab.injection.levers import (
    Announce,
    CacheFlush,
    ConfigSet,
    LeverValue,
    LinkCut,
    ModelDeploy,
    PopulationShift,
    PopulationSurge,
    Record,
    TableColumn,
    act_types,
    lever_type,
    lever_types,
)
from lab.scenario import load_scenario
from lab.scenario.plan import plan
from lab.systems.files import load_system
from tests.segments import DECOYS, FAULTS
from tests.simulated import THREADS

for family in ("cpu", "deploy", "feed", "model", "network", "schema", "stale_cache", "traffic"):
    importlib.import_module(f"injectors.{family}")

OF_WORLDS = {"lab.worlds.decisions.faults": "fraud", "lab.worlds.batch.market": "segmentation"}
"""The shipped system that has what a module of a world brings: its faults, its levers."""

SCENARIO = """\
schema_version: 1
name: dry
system: recommender
duration: 300s
load: {stages: [{for: 300s, rate: 50/s}]}
faults:
  - {id: f2, type: network-partition, target: features->db, at: 180s, for: 60s, with: {fraction: 30%}}
  - {id: f1, type: network-partition, target: features->db, at: 120s, for: 60s}
  - {id: f3, type: schema-corruption, target: db, at: 200s, for: 50s,
     with: {column: age_years, change: rescale, announced: false}}
decoys:
  - {id: d1, type: traffic-surge, target: shoppers, at: 250s, with: {rate: 20/s}}
"""


@pytest.fixture
def testbed() -> PlanTestbed:
    return PlanTestbed(load_system("recommender"))


def planned(tmp_path: Path) -> Any:
    path = tmp_path / "s.scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return plan(load_scenario(path))


def test_the_timeline_is_in_time_order_and_reverts_before_it_pulls(tmp_path: Path) -> None:
    rescale = TableColumn(change="rescale", fraction=1.0, factor=100.0)
    campaign = Announce(kind="campaign", summary="Marketing campaign started")
    assert planned(tmp_path).timeline == (
        PlannedAct(120.0, "link.cut", "features->db", LinkCut(), "pull"),
        PlannedAct(180.0, "link.cut", "features->db", None, "revert"),
        PlannedAct(180.0, "link.cut", "features->db", LinkCut(fraction=0.3), "pull"),
        PlannedAct(200.0, "table.column", "db/users.age_years", rescale, "pull"),
        PlannedAct(240.0, "link.cut", "features->db", None, "revert"),
        PlannedAct(250.0, "table.column", "db/users.age_years", None, "revert"),
        PlannedAct(250.0, "changes.announce", "shoppers", campaign, "act"),
        PlannedAct(250.0, "population.surge", "shoppers", PopulationSurge(rate_per_s=20.0), "pull"),
        PlannedAct(300.0, "population.surge", "shoppers", None, "revert"),
    )


def test_witnesses_name_the_target_and_the_parameters(tmp_path: Path) -> None:
    witnesses = planned(tmp_path).witnesses
    assert Witness("feature_drift_psi", "age_years", 0.1) in witnesses["f3"]
    assert {witness.subject for witness in witnesses["f1"]} == {"features->db"}


def test_every_registered_fault_can_be_planned_and_reverts_what_it_pulls() -> None:
    required: Mapping[str, Any] = {
        "column": "age_years",
        "change": "null",
        "timeout": "4ms",
        "step": "hold",
        "above": 0.05,
    }
    of_nights = {use["type"]: use for use in (*FAULTS.values(), *DECOYS.values())}
    for kind in fault_types().values():
        # What is a world's is planned on a system of that world, what shrinks a pool on one that has them.
        own = {**OF_WORLDS, "injectors.pools": THREADS}
        use = of_nights.get(kind.name, {})
        system = load_system("segmentation" if use else own.get(kind.module, "recommender"))
        testbed = PlanTestbed(system)
        fitting = [name for name, k in system.elements().items() if k in kind.target_kinds]
        target = "rules" if "above" in kind.parameters.model_fields else fitting[0]
        given = {
            name: required[name] for name, f in kind.parameters.model_fields.items() if f.is_required() and not use
        }
        target, given = use.get("target", target), {**given, **use.get("with", {})}
        parameters = kind.completed(kind.parameters(**given), system, target)
        assert pulls(kind, target, parameters, system), kind.name
        found = [(lever_type(lever), element) for lever, element in pulls(kind, target, parameters, system)]
        before = {pair: testbed.read(*pair) for pair in found}
        with kind.inject(testbed, target, parameters):
            assert all(testbed.read(*pair) != value for pair, value in before.items()), kind.name
        assert {pair: testbed.read(*pair) for pair in before} == before, kind.name


@pytest.mark.parametrize(
    ("lever", "element", "neutral"),
    [
        (LinkCut, "features->db", None),
        (ModelDeploy, "model", ModelDeploy(version=2)),
        (ConfigSet, "cache/settings.ttl_s", ConfigSet(value=15)),
        (ConfigSet, "features/steps.db_get.timeout_s", ConfigSet(value=0.12)),
        (TableColumn, "db/users.age_years", None),
        (PopulationShift, "shoppers/age_years", None),
    ],
)
def test_levers_have_neutral_values(
    testbed: PlanTestbed, lever: type[LeverValue], element: str, neutral: LeverValue | None
) -> None:
    assert testbed.read(lever, element) == neutral


def test_a_lever_reads_what_was_written_until_it_is_reverted(testbed: PlanTestbed) -> None:
    good = ModelDeploy(training="next-window")
    with testbed.pull("model", good):
        assert testbed.read(ModelDeploy, "model") == good
    assert testbed.read(ModelDeploy, "model") == ModelDeploy(version=2)


@pytest.mark.parametrize(
    ("element", "change", "parameter", "message"),
    [
        ("db/items.price_eur", {"change": "null"}, "table", "columns of table 'items' cannot be altered"),
        ("db/users.age", {"change": "null"}, "column", "table 'users' has no column 'age'"),
        ("db/users.age_years", {"change": "add", "type": "integer"}, "column", "column 'age_years' cannot be added"),
        ("db/users.age_years", {"change": "rename", "to": "returns_ratio"}, "to", "which is another column"),
        ("db/user.age_years", {"change": "null"}, "table", "'db' has no table 'user'"),
    ],
)
def test_what_cannot_be_done_to_a_column_is_reported_of_the_parameter(
    testbed: PlanTestbed, element: str, change: Mapping[str, Any], parameter: str, message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        testbed.pull(element, TableColumn(**change)).__enter__()
    assert caught.value.parameter == parameter


def test_only_a_feature_that_users_have_can_shift(testbed: PlanTestbed) -> None:
    with pytest.raises(ParameterError, match=r"(?s)users have no feature 'age'.*did you mean 'age_years'") as caught:
        testbed.pull("shoppers/age", PopulationShift(factor=1.5)).__enter__()
    assert caught.value.parameter == "feature"


def test_a_column_may_be_added_to_any_table(testbed: PlanTestbed) -> None:
    with testbed.pull("db/items.age_years", TableColumn(change="add", type="integer")):
        assert testbed.read(TableColumn, "db/items.age_years")


def test_acts_without_undo_are_checked_and_written_down(testbed: PlanTestbed) -> None:
    testbed.act("cache", CacheFlush())
    assert testbed.acts == [PlannedAct(0.0, "cache.flush", "cache", CacheFlush(), "act")]
    with pytest.raises(UserError, match="not cache"):
        testbed.act("db", CacheFlush())


@pytest.mark.parametrize("record", [*lever_types().values(), *act_types().values()], ids=lambda record: record.name)
def test_every_lever_and_act_has_a_place_in_the_recommender_or_a_system_of_its_world(record: type[Record]) -> None:
    system = load_system(OF_WORLDS.get(record.__module__, "recommender"))
    places = list(record.places(system))
    assert places
    assert all(str(record.place(system, place)) == place for place in places)
