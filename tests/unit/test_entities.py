"""Whose rows a cache serves: what is compared with what the store gave for the same entity, before and after."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from lab.signals.columns import Grid
from lab.worlds.kit.entities import mismatches

STORED, COUNTED = "age", "views"
Row = tuple[float, int, str, float]
"""Time (s), entity, source, value of the stored column."""


def ratios(rows: list[Row], **columns: Any) -> dict[str, list[float]]:
    """`entry_mismatch_ratio` by source, for two intervals of 10 s; no two rows have one count."""
    features = [{"name": STORED, "derived_from": ""}, {"name": COUNTED, "derived_from": "events"}]
    observed: Any = SimpleNamespace(
        system={"scrape_interval_s": 10.0},
        end_s=20.0,
        reference={"contract.json": {"component": "db", "features": features}},
    )
    times_s, entity, source, stored = zip(*rows, strict=True)
    table = pa.table(
        {
            "time_s": list(times_s),
            "user_id": list(entity),
            "source": pa.array(source).dictionary_encode(),
            f"feature.{STORED}": list(stored),
            f"feature.{COUNTED}": np.arange(float(len(rows))),
            **columns,
        }
    )
    found = mismatches(observed, [(table, [STORED, COUNTED])], Grid(observed))
    return {one.subject: one.values.tolist() for one in found}


def test_a_row_of_somebody_else_is_a_mismatch() -> None:
    rows = [(1.0, 1, "db", 30.0), (2.0, 1, "cache", 30.0), (3.0, 1, "cache", 44.0), (12.0, 1, "cache", 44.0)]
    assert ratios([*rows, (19.0, 1, "db", 30.0)]) == {"cache": [0.5, 1.0]}


def test_columns_that_change_under_their_readers_are_no_mismatch() -> None:
    # The entry is older than the change, then younger than the next one.
    rows = [(1.0, 1, "db", 30.0), (3.0, 1, "cache", 30.0), (12.0, 1, "cache", 3000.0)]
    assert ratios([*rows, (19.0, 1, "db", 3000.0)]) == {"cache": [0.0, 0.0]}


def test_what_the_store_did_not_give_on_both_sides_is_not_compared() -> None:
    rows = [(1.0, 1, "db", 30.0), (3.0, 1, "cache", 44.0), (4.0, 2, "cache", 44.0), (5.0, 2, "db", 20.0)]
    assert ratios(rows) == {}


def test_nothing_is_the_same_as_nothing_and_defaults_are_nobodys() -> None:
    nan = float("nan")
    rows = [(1.0, 1, "db", nan), (3.0, 1, "cache", nan), (4.0, 1, "default", nan), (5.0, 1, "db", nan)]
    found = ratios(rows)
    assert found["cache"][0] == 0.0
    assert list(found) == ["cache"]


def test_rows_of_a_sample_count_by_their_weight() -> None:
    rows = [(1.0, 1, "db", 30.0), (2.0, 1, "cache", 30.0), (3.0, 1, "cache", 44.0), (19.0, 1, "db", 30.0)]
    assert ratios(rows, sample_weight=[1.0, 1.0, 3.0, 1.0])["cache"][0] == 0.75
