"""Of what element a signal could be: what could never be there is not missing."""

from __future__ import annotations

import pytest

from lab.registration.datasets import Dataset, DatasetColumn
from lab.signals.lineage import Lineage
from lab.signals.possible import is_possible
from tests.calendars import WORLD

COLUMNS = {"number": DatasetColumn("int"), "city": DatasetColumn("text"), "weight": DatasetColumn("float", "kg")}
LINEAGE = Lineage(
    registered={
        "parcels": Dataset(doc="", columns=COLUMNS, key="number", of="write_parcels"),
        "routes": Dataset(doc="", columns=COLUMNS, key="number", of="write_routes"),
    }
)
SYSTEM = {
    "world": "weeks",
    "components": {
        "judge": {"steps": [{"operation": "write_scores", "call": "sorter"}, {"call": "store"}]},
        "gather": {"steps": [{"operation": "write_features", "call": "store"}]},
        "sorter": {},
        "store": {},
        "other": {},
    },
}

pytestmark = pytest.mark.usefixtures("weeks_world")


@pytest.mark.parametrize(
    ("subject", "possible"),
    [("scores", True), ("features", False), ("judge", True), ("gather", False), ("sorter", True), ("other", False)],
)
def test_a_signal_of_one_operation_is_of_both_ends_of_its_call_and_of_what_it_writes(
    subject: str, possible: bool
) -> None:
    lineage = Lineage(registered=WORLD.datasets)
    assert is_possible("model_number", subject, SYSTEM, lineage) is possible
    assert is_possible("model_number", "*", SYSTEM, lineage)


@pytest.mark.parametrize(("column", "possible"), [("weight", True), ("city", False), ("number", False)])
def test_only_columns_of_numbers_that_are_no_keys_have_a_mean(column: str, possible: bool) -> None:
    assert is_possible("column_mean", f"parcels.{column}", SYSTEM, LINEAGE) is possible
    assert is_possible("column_null_ratio", f"parcels.{column}", SYSTEM, LINEAGE)
