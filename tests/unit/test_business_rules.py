"""The business rules: each by itself, and the golden vectors shared with Java."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from lab.worlds.shop.rules import Candidate, Thresholds, apply_rules, value_micro

GOLDEN_FILE = Path(__file__).parents[1] / "golden" / "rules.json"
GOLDEN = json.loads(GOLDEN_FILE.read_text(encoding="utf-8"))["cases"]


def item(item_id: int, score: float, **changes: Any) -> Candidate:
    values = {"category": 1, "stock_count": 9, "min_age_years": 0, "margin_ratio": 0.0, **changes}
    return Candidate(item_id, score, **values)


def shown(*items: Candidate, limit: int = 5, **thresholds: Any) -> list[int]:
    return apply_rules(34, items, limit, Thresholds(**thresholds))[0]


def test_filters_count_an_item_once_and_stock_comes_first() -> None:
    items = [item(1, 0.9, stock_count=0, min_age_years=18), item(2, 0.8, min_age_years=18), item(3, 0.7)]
    assert apply_rules(17, items, 5, Thresholds()) == ([3], {"stock": 1, "age": 1})


def test_the_minimum_age_itself_is_old_enough() -> None:
    assert apply_rules(18, [item(1, 0.5, min_age_years=18)], 5, Thresholds())[0] == [1]


def test_margin_adds_its_weight_to_the_score() -> None:
    assert shown(item(1, 0.5), item(2, 0.49, margin_ratio=0.51)) == [2, 1]
    assert shown(item(1, 0.5), item(2, 0.49, margin_ratio=0.49)) == [1, 2]
    assert shown(item(1, 0.5), item(2, 0.49, margin_ratio=0.51), margin_weight=0.0) == [1, 2]


def test_values_are_whole_millionths_and_halves_round_to_even() -> None:
    assert value_micro(0.0000005, 0.0, 0.02) == 0
    assert value_micro(0.0000015, 0.0, 0.02) == 2
    assert value_micro(0.123, 0.21, 0.02) == 127200


def test_ties_go_by_item_id() -> None:
    assert shown(item(9, 0.5, category=1), item(3, 0.5, category=2), item(7, 0.50000004, category=3)) == [3, 7, 9]


def test_a_category_has_its_share_and_fills_up_what_is_left() -> None:
    items = [item(1, 0.9), item(2, 0.8), item(3, 0.7), item(4, 0.65), item(5, 0.6, category=2)]
    assert shown(*items, limit=4) == [1, 2, 3, 5]
    assert shown(*items, limit=5) == [1, 2, 3, 5, 4]
    assert shown(*items, limit=3, max_per_category=2) == [1, 2, 5]


@pytest.mark.parametrize(
    "values", [{"min_stock": -1}, {"margin_weight": float("nan")}, {"margin_weight": 1e7}, {"max_per_category": 0}]
)
def test_impossible_thresholds_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Thresholds(**values)


@pytest.mark.parametrize("vector", GOLDEN, ids=[vector["name"] for vector in GOLDEN])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    request = vector["request"]
    items = [Candidate(**values) for values in request["items"]]
    answer = apply_rules(request["user"]["age_years"], items, request["limit"], Thresholds(**vector["thresholds"]))
    assert answer == (vector["expected"]["items"], vector["expected"]["removed"])


def test_the_golden_file_is_what_its_script_writes() -> None:
    assert (
        GOLDEN_FILE.read_text(encoding="utf-8")
        == runpy.run_path(str(GOLDEN_FILE.with_name("make_rules.py")))["render"]()
    )


def test_there_are_enough_golden_vectors() -> None:
    assert len({vector["name"] for vector in GOLDEN}) == len(GOLDEN) >= 40
