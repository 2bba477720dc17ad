"""Of what element a signal could be: what could never be there is not missing."""

from __future__ import annotations

import pytest

from lab.registration.datasets import Dataset, DatasetColumn
from lab.registration.world import registration_of
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
    "world": "batch",
    "components": {
        "hand_out": {"steps": [{"operation": "publish_segments", "call": "tool"}, {"call": "store"}]},
        "gather": {"steps": [{"operation": "write_features", "call": "store"}]},
        "tool": {},
        "store": {},
        "other": {},
    },
}


@pytest.mark.parametrize(
    ("subject", "possible"),
    [("segments", True), ("features", False), ("hand_out", True), ("gather", False), ("tool", True), ("other", False)],
)
def test_a_signal_of_one_operation_is_of_both_ends_of_its_call_and_of_what_it_writes(
    subject: str, possible: bool
) -> None:
    lineage = Lineage(registered=registration_of("batch").datasets)
    assert is_possible("list_mismatch_ratio", subject, SYSTEM, lineage) is possible
    assert is_possible("list_mismatch_ratio", "*", SYSTEM, lineage)


@pytest.mark.parametrize(("column", "possible"), [("weight", True), ("city", False), ("number", False)])
def test_only_columns_of_numbers_that_are_no_keys_have_a_mean(column: str, possible: bool) -> None:
    assert is_possible("column_mean", f"parcels.{column}", SYSTEM, LINEAGE) is possible
    assert is_possible("column_null_ratio", f"parcels.{column}", SYSTEM, LINEAGE)
