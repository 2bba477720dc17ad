"""Business rules: what may be shown, in which order. The Python twin of the Java service in `services/rules`.

Both pass the golden vectors in `tests/golden/rules.json`. `apply_rules` is the reference, readable rule by rule;
`apply_rules_batch` gives the same answers for many requests at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NOT_SHOWN = -1
"""Fills the tail of a batch row that has fewer than `limit` items to show."""
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the shop's owners may change without a release.

    `min_stock` (≥ 0): items with fewer pieces are dropped. `margin_weight` (±1e6): ranking value per unit of margin
    ratio. `max_per_category` (≥ 1): items of one category before others get their turn. ValueError outside of these.
    """

    min_stock: int = 1
    margin_weight: float = 0.02
    max_per_category: int = 2

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


def apply_rules_batch(
    user_age: NDArray[Any],
    item_index: NDArray[np.integer[Any]],
    score: NDArray[np.floating[Any]],
    *,
    category: NDArray[Any],
    stock: NDArray[Any],
    min_age: NDArray[Any],
    margin: NDArray[Any],
    limit: int,
    thresholds: Thresholds,
) -> NDArray[np.int64]:
    """The rules for n requests of k candidates each.

    `user_age` is (n,); `item_index` and `score` are (n, k); the others are (items,) and looked up by `item_index`,
    whose order must be that of the item ids (it breaks ties). Scores and margins must be finite. Returns (n, limit)
    positions into k, best first, padded with `NOT_SHOWN`.
    """
    candidate_count = item_index.shape[1]
    kept = (stock[item_index] >= thresholds.min_stock) & (min_age[item_index] <= user_age[:, None])
    value = np.rint(np.asarray(score, np.float64) * _MICRO).astype(np.int64)
    value += np.rint(thresholds.margin_weight * np.asarray(margin, np.float64) * _MICRO).astype(np.int64)[item_index]
    order = np.lexsort((item_index, -value, ~kept), axis=-1)

    kept = np.take_along_axis(kept, order, axis=1)
    categories = category[np.take_along_axis(item_index, order, axis=1)]
    # Filtered items are sorted last, so they never count against a kept item of their category.
    skipped = np.zeros(kept.shape, dtype=bool)
    for place in range(thresholds.max_per_category, candidate_count):
        earlier = np.count_nonzero(categories[:, :place] == categories[:, place, None], axis=1)
        skipped[:, place] = earlier >= thresholds.max_per_category
    turns = np.argsort(skipped + 2 * ~kept, axis=1, kind="stable")

    shown = np.where(np.take_along_axis(kept, turns, axis=1), np.take_along_axis(order, turns, axis=1), NOT_SHOWN)
    result = np.full((len(item_index), limit), NOT_SHOWN, dtype=np.int64)
    width = min(limit, candidate_count)
    result[:, :width] = shown[:, :width]
    return result
