"""Whose rows a cache serves: what is compared with what the store gave for the same entity, before and after."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from lab.signals.columns import Grid
from lab.worlds.kit.entities import mismatches

STORED, COUNTED = ("age", "since"), "views"
ANN, BOB = (30.0, 2001.0), (44.0, 2019.0)
Row = tuple[float, int, str, tuple[float, ...]]
"""Time (s), entity, source, values of the stored columns."""


def ratios(rows: list[Row], stored: tuple[str, ...] = STORED, **columns: Any) -> dict[str, list[float]]:
    """`entry_mismatch_ratio` by source, for two intervals of 10 s; no two rows have one count."""
    features = [{"name": name, "derived_from": ""} for name in stored] + [{"name": COUNTED, "derived_from": "events"}]
    observed: Any = SimpleNamespace(
        system={"scrape_interval_s": 10.0},
        end_s=20.0,
        reference={"contract.json": {"component": "db", "features": features}},
    )
    times_s, entity, source, values = zip(*rows, strict=True)
    table = pa.table(
        {
            "time_s": list(times_s),
            "user_id": list(entity),
            "source": pa.array(source).dictionary_encode(),
            **{f"feature.{name}": [row[place] for row in values] for place, name in enumerate(stored)},
            f"feature.{COUNTED}": np.arange(float(len(rows))),
            **columns,
        }
    )
    found = mismatches(observed, [(table, [*stored, COUNTED])], Grid(observed))
    return {one.subject: one.values.tolist() for one in found}


def test_a_row_of_somebody_else_is_a_mismatch() -> None:
    rows = [(1.0, 1, "db", ANN), (2.0, 1, "cache", ANN), (3.0, 1, "cache", BOB), (12.0, 1, "cache", BOB)]
    assert ratios([*rows, (19.0, 1, "db", ANN)]) == {"cache": [0.5, 1.0]}


def test_a_column_that_changes_under_its_readers_is_none() -> None:
    in_percent = (3000.0, 2001.0)
    # The store was not asked for this row while the column was another one: the feed refreshed the entry.
    rows = [(1.0, 1, "db", ANN), (3.0, 1, "cache", in_percent), (12.0, 1, "cache", ANN), (19.0, 1, "db", ANN)]
    assert ratios(rows) == {"cache": [0.0, 0.0]}


def test_a_row_that_was_replaced_may_be_the_one_before_or_the_one_after() -> None:
    rows = [(1.0, 1, "db", ANN), (3.0, 1, "cache", ANN), (12.0, 1, "cache", BOB), (19.0, 1, "db", BOB)]
    assert ratios(rows) == {"cache": [0.0, 0.0]}


def test_what_the_store_did_not_give_on_both_sides_is_not_compared() -> None:
    rows = [(1.0, 1, "db", ANN), (3.0, 1, "cache", BOB), (4.0, 2, "cache", BOB), (5.0, 2, "db", ANN)]
    assert ratios(rows) == {}


def test_one_column_alone_cannot_tell() -> None:
    rows = [(1.0, 1, "db", (30.0,)), (3.0, 1, "cache", (44.0,)), (19.0, 1, "db", (30.0,))]
    assert ratios(rows, stored=("age",)) == {}


def test_null_is_the_same_as_null_and_defaults_are_nobodys() -> None:
    null = (float("nan"), float("nan"))
    rows = [(1.0, 1, "db", null), (3.0, 1, "cache", null), (4.0, 1, "default", BOB), (5.0, 1, "db", null)]
    found = ratios(rows)
    assert found["cache"][0] == 0.0
    assert list(found) == ["cache"]


def test_rows_of_a_sample_count_by_their_weight() -> None:
    rows = [(1.0, 1, "db", ANN), (2.0, 1, "cache", ANN), (3.0, 1, "cache", BOB), (19.0, 1, "db", ANN)]
    assert ratios(rows, sample_weight=[1.0, 1.0, 3.0, 1.0])["cache"][0] == 0.75
