"""Of what element a signal could be: what could never be there is not missing."""

from __future__ import annotations

import pytest

from lab.registration.datasets import Dataset, DatasetColumn
from lab.registration.signals import SignalSpec
from lab.signals.lineage import Lineage
from lab.signals.possible import is_possible

COLUMNS = {"number": DatasetColumn("int"), "city": DatasetColumn("text"), "weight": DatasetColumn("float", "kg")}
LINEAGE = Lineage(
    registered={
        "parcels": Dataset(doc="", columns=COLUMNS, key="number", of="write_parcels"),
        "routes": Dataset(doc="", columns=COLUMNS, key="number", of="write_routes"),
    }
)
SYSTEM = {
    "components": {
        "sort": {"steps": [{"operation": "write_parcels"}]},
        "plan": {"steps": [{"operation": "write_routes"}, {"call": "db"}]},
        "db": {},
    }
}


@pytest.mark.parametrize(
    ("subject", "possible"),
    [("routes", True), ("parcels", False), ("plan", True), ("sort", False), ("db", False), ("*", True)],
)
def test_a_signal_of_one_operation_is_of_who_does_it_and_of_what_it_writes(subject: str, possible: bool) -> None:
    spec = SignalSpec("ratio", "job", "how far routes are from the shortest", only_of="write_routes")
    assert is_possible("detour_ratio", spec, subject, SYSTEM, LINEAGE) is possible


@pytest.mark.parametrize(("column", "possible"), [("weight", True), ("city", False), ("number", False)])
def test_only_columns_of_numbers_that_are_no_keys_have_a_mean(column: str, possible: bool) -> None:
    spec = SignalSpec("1", "dataset.column", "mean")
    assert is_possible("column_mean", spec, f"parcels.{column}", SYSTEM, LINEAGE) is possible
    assert is_possible("column_null_ratio", spec, f"parcels.{column}", SYSTEM, LINEAGE)
