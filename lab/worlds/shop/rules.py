"""Business rules: what may be shown, in which order. The Python twin of the Java service in `services/rules`.

Both pass the golden vectors in `tests/golden/rules.json`. `apply_rules` is the reference, readable rule by rule;
the simulator's kernel (`kernel.py`) gives the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the shop's owners may change without a release.

    `min_stock` (≥ 0): items with fewer pieces are dropped. `margin_weight` (±1e6): ranking value per unit of margin
    ratio. `max_per_category` (≥ 1): items of one category before others get their turn. ValueError outside of these.
    """

    min_stock: int = 1
    margin_weight: float = 0.02
    max_per_category: int = 3

    def __post_init__(self) -> None:
        if self.min_stock < 0:
            raise ValueError(f"min_stock: expected at least 0, got {self.min_stock}")
        if not math.isfinite(self.margin_weight) or abs(self.margin_weight) > 1e6:
            raise ValueError(f"margin_weight: expected -1e6 to 1e6, got {self.margin_weight}")
        if self.max_per_category < 1:
            raise ValueError(f"max_per_category: expected at least 1, got {self.max_per_category}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item the model has scored, with what the rules need to know of it."""

    item_id: int
    score: float
    category: int
    stock_count: int
    min_age_years: int
    margin_ratio: float


def value_micro(score: float, margin_ratio: float, margin_weight: float) -> int:
    """Ranking value in millionths: integers, so that no language's float formatting or summing can reorder items."""
    return round(score * _MICRO) + round(margin_weight * margin_ratio * _MICRO)  # round() is half to even, as Math.rint


def apply_rules(
    user_age_years: float, items: Sequence[Candidate], limit: int, thresholds: Thresholds
) -> tuple[list[int], Mapping[str, int]]:
    """The item ids to show, best first (at most `limit`), and how many items each filter removed.

    An item that fails both filters counts as removed by stock.
    """
    in_stock = [item for item in items if item.stock_count >= thresholds.min_stock]
    allowed = [item for item in in_stock if item.min_age_years <= user_age_years]
    weight = thresholds.margin_weight
    ranked = sorted(allowed, key=lambda item: (-value_micro(item.score, item.margin_ratio, weight), item.item_id))

    taken: list[int] = []
    skipped: list[int] = []
    count_by_category: dict[int, int] = {}
    for item in ranked:
        count = count_by_category.get(item.category, 0)
        count_by_category[item.category] = count + 1
        (taken if count < thresholds.max_per_category else skipped).append(item.item_id)
    removed = {"stock": len(items) - len(in_stock), "age": len(in_stock) - len(allowed)}
    return (taken + skipped)[:limit], removed
