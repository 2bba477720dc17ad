"""Faults of what jobs write and sources deliver pull the levers that they are about, and ask for what they need."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import ParameterError
from lab.injection.dry_run import PlanTestbed
from lab.injection.faults import fault_type
from lab.injection.levers import Announce, JobKeepOutput, LeverValue, ModelDeploy, PartitionDelay, TableColumn
from lab.systems.files import load_system

SYSTEM = load_system("fraud")


def pulled(name: str, target: str, **given: Any) -> list[tuple[str, Any]]:
    """What a fault pulls and does while it lasts, by place."""
    kind, testbed = fault_type(name), PlanTestbed(SYSTEM)
    with kind.inject(testbed, target, kind.parameters(**given)):
        return [(act.element, act.value) for act in testbed.acts]


@pytest.mark.parametrize(
    ("name", "target", "given", "place", "value"),
    [
        ("output-kept", "aggregator", {}, "aggregator", JobKeepOutput()),
        ("late-partition", "db", {"table": "payments", "delay": "2h"}, "db/payments", PartitionDelay(seconds=7200.0)),
        ("late-partition", "db", {"table": "payments", "delay": "90m", "fraction": 0.4}, "db/payments",
         PartitionDelay(seconds=5400.0, fraction=0.4)),
        ("leaked-columns", "model", {}, "model", ModelDeploy(training="leaked-columns")),
    ],
)  # fmt: skip
def test_a_fault_is_one_lever_with_the_dose_that_was_given(
    name: str, target: str, given: dict[str, Any], place: str, value: LeverValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelDeploy, "check", lambda self, system, place: None)  # no world here trains by this recipe
    assert pulled(name, target, **given) == [(place, value)]


def test_a_retyped_key_concerns_a_third_of_the_rows_and_is_announced_like_any_migration() -> None:
    announced, changed = pulled("join-key-retyped", "db", table="cards", column="card_age_days")
    assert changed == ("db/cards.card_age_days", TableColumn(change="retype", to="text", fraction=1 / 3))
    harmless = pulled("schema-migration", "db", table="cards")
    assert announced in harmless
    assert isinstance(announced[1], Announce)


SEVERAL = [("late-partition", {"delay": "2h"}), ("join-key-retyped", {"column": "a"})]


@pytest.mark.parametrize(("name", "given"), SEVERAL)
def test_where_a_database_has_several_tables_one_is_named(name: str, given: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="'table': which one is meant"):
        pulled(name, "db", **given)
