"""The dry run: what would be pulled and when, what the truth would be, and what a system has no lever for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.injection.dry_run import PlannedAct, PlanTestbed
from lab.injection.levers import (
    Announce,
    CacheFlush,
    ComponentLimit,
    ConfigSet,
    LeverValue,
    LinkCut,
    PopulationShift,
    PopulationSurge,
    PopulationTastes,
    TableColumn,
    TableLock,
)
from lab.scenario import load_scenario
from lab.scenario.plan import plan
from lab.systems.files import load_system
from tests.cli_cases import lab
from tests.simulated import BOOKINGS, text

for family in ("cpu", "deploy", "feed", "model", "network", "schema", "stale_cache", "traffic"):
    importlib.import_module(f"injectors.{family}")

SCENARIO = f"""\
schema_version: 1
name: dry
system: {BOOKINGS}
duration: 300s
load: {{stages: [{{for: 300s, rate: 50/s}}]}}
faults:
  - {{id: f2, type: network-partition, target: desk->db, at: 180s, for: 60s, with: {{fraction: 30%}}}}
  - {{id: f1, type: network-partition, target: desk->db, at: 120s, for: 60s}}
  - {{id: f3, type: cpu-throttle, target: db, at: 200s, for: 50s}}
decoys:
  - {{id: d1, type: traffic-surge, target: people, at: 250s, with: {{rate: 20/s}}}}
"""


@pytest.fixture
def testbed() -> PlanTestbed:
    return PlanTestbed(load_system(BOOKINGS))


def planned(tmp_path: Path) -> Any:
    path = tmp_path / "s.scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return plan(load_scenario(path))


def test_the_timeline_is_in_time_order_and_reverts_before_it_pulls(tmp_path: Path) -> None:
    campaign = Announce(kind="campaign", summary="Marketing campaign started")
    assert planned(tmp_path).timeline == (
        PlannedAct(120.0, "link.cut", "desk->db", LinkCut(), "pull"),
        PlannedAct(180.0, "link.cut", "desk->db", None, "revert"),
        PlannedAct(180.0, "link.cut", "desk->db", LinkCut(fraction=0.3), "pull"),
        PlannedAct(200.0, "component.limit", "db", ComponentLimit(cpu=0.2), "pull"),
        PlannedAct(240.0, "link.cut", "desk->db", None, "revert"),
        PlannedAct(250.0, "component.limit", "db", None, "revert"),
        PlannedAct(250.0, "changes.announce", "people", campaign, "act"),
        PlannedAct(250.0, "population.surge", "people", PopulationSurge(rate_per_s=20.0), "pull"),
        PlannedAct(300.0, "population.surge", "people", None, "revert"),
    )


def test_the_plan_says_what_the_truth_would_be(tmp_path: Path) -> None:
    truth = planned(tmp_path).truth
    second = truth.faults[0]
    assert (second.id, second.kind, second.culprit, second.boundary) == (
        "f2",
        "network-partition",
        "desk->db",
        "network",
    )
    assert (second.injected_s, second.reverted_s, second.witnessed_s) == (180.0, 240.0, None)
    assert second.parameters == {"direction": "both", "fraction": 0.3}
    (decoy,) = truth.decoys
    assert (decoy.id, decoy.kind, decoy.element, decoy.at_s) == ("d1", "traffic-surge", "people", 250.0)


def test_witnesses_name_the_target(tmp_path: Path) -> None:
    witnesses = planned(tmp_path).witnesses
    assert {witness.subject for witness in witnesses["f1"]} == {"desk->db"}
    assert {witness.subject for witness in witnesses["f3"]} == {"db"}


@pytest.mark.parametrize(
    ("lever", "element", "neutral"),
    [(LinkCut, "desk->db", None), (ConfigSet, "desk/steps.db_get.timeout_s", ConfigSet(value=0.12))],
)
def test_levers_have_neutral_values(
    testbed: PlanTestbed, lever: type[LeverValue], element: str, neutral: LeverValue | None
) -> None:
    assert testbed.read(lever, element) == neutral


def test_a_lever_reads_what_was_written_until_it_is_reverted(testbed: PlanTestbed) -> None:
    with testbed.pull("desk->db", LinkCut(fraction=0.3)):
        assert testbed.read(LinkCut, "desk->db") == LinkCut(fraction=0.3)
    assert testbed.read(LinkCut, "desk->db") is None


def test_acts_without_undo_are_checked_and_written_down(testbed: PlanTestbed) -> None:
    announced = Announce(kind="campaign", summary="Everything must go")
    testbed.act("people", announced)
    assert testbed.acts == [PlannedAct(0.0, "changes.announce", "people", announced, "act")]
    with pytest.raises(UserError, match="not cache"):
        testbed.act("db", CacheFlush())


@pytest.mark.parametrize(
    ("lever", "element"),
    [
        (TableColumn, "db/orders.total"),
        (PopulationShift, "people/age"),
        (PopulationTastes, "people"),
    ],
)
def test_levers_of_content_need_a_world(lever: type[LeverValue], element: str) -> None:
    chain = PlanTestbed(load_system(str(Path(__file__).parents[1] / "systems" / "chain.system.yaml")))
    with pytest.raises(UserError, match="acts on content, and system 'chain' has no world"):
        chain.read(lever, element)
    with chain.pull("people", PopulationSurge(rate_per_s=5)), chain.pull("db/orders", TableLock()):
        pass


def test_the_dry_run_counts_surges_and_warns_of_a_fault_with_nothing_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = {"type": "network-partition", "target": "desk->db", "for": "60s"}
    surge = {"type": "traffic-surge", "target": "people", "at": "60s", "for": "20s", "with": {"rate": "50/s"}}
    path = tmp_path / "dry.scenario.yaml"
    for at_s, noted in ((0, True), (60, False)):
        content = text(duration_s=120, rate_per_s=10, faults=[{**cut, "at": f"{at_s}s"}], decoys=[surge])
        path.write_text(content, encoding="utf-8")
        assert lab("plan", path) == 0
        printed = capsys.readouterr().out
        assert "about 2200 requests" in printed
        assert ("inject it later" in printed) is noted
