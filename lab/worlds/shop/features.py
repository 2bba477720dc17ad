"""Feature contract and feature assembly of the shop: one module for the simulator and for the feature service.

A row comes out of the database (or out of the cache, which keeps rows); `parse_row` reads it as the
service does, `model_inputs` turns user vectors and items into the model's input matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.kit.contract import FeatureSpec, parse_value

Floats = npt.NDArray[np.floating[Any]]

CATEGORIES = ("electronics", "fashion", "home", "sports", "beauty", "toys")


USER_FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec("age_years", "integer", "years", 16, 100, 38, "profile"),
    FeatureSpec("account_age_days", "integer", "days", 0, 6000, 700, "profile"),
    FeatureSpec("avg_order_value_eur", "double precision", "EUR", 1, 2000, 55, "profile"),
    FeatureSpec("orders_90d_count", "integer", "orders", 0, 400, 3, "profile"),
    FeatureSpec("discount_share_ratio", "double precision", "ratio", 0, 1, 0.3, "profile"),
    FeatureSpec("returns_ratio", "double precision", "ratio", 0, 1, 0.1, "profile"),
    FeatureSpec("views_recent_count", "double precision", "views", 0, 10_000, 6, "job"),
    FeatureSpec("recent_price_eur", "double precision", "EUR", 0.5, 5000, 45, "job"),
    *(
        FeatureSpec(f"interest_{name}_ratio", "double precision", "ratio", 0, 1, round(1 / len(CATEGORIES), 6), "job")
        for name in CATEGORIES
    ),
)
NAMES = tuple(spec.name for spec in USER_FEATURES)
INDEX = {name: i for i, name in enumerate(NAMES)}
DEFAULTS = np.array([spec.default for spec in USER_FEATURES])
FEED_COLUMNS = tuple(i for i, spec in enumerate(USER_FEATURES) if spec.is_computed)
INTEREST = slice(INDEX[f"interest_{CATEGORIES[0]}_ratio"], INDEX[f"interest_{CATEGORIES[-1]}_ratio"] + 1)

ITEM_FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec("category", "integer", "index", 0, len(CATEGORIES) - 1, 0, "catalogue"),
    FeatureSpec("price_eur", "double precision", "EUR", 0.5, 5000, 45, "catalogue"),
    FeatureSpec("weight_g", "double precision", "g", 1, 60_000, 500, "catalogue"),
    FeatureSpec("rating_stars", "double precision", "stars", 1, 5, 4, "catalogue"),
    FeatureSpec("reviews_count", "integer", "reviews", 0, 50_000, 40, "catalogue"),
    FeatureSpec("stock_count", "integer", "pieces", 0, 10_000, 50, "catalogue"),
    FeatureSpec("margin_ratio", "double precision", "ratio", 0, 0.9, 0.25, "catalogue"),
    FeatureSpec("listed_days", "integer", "days", 0, 4000, 200, "catalogue"),
    FeatureSpec("return_ratio", "double precision", "ratio", 0, 1, 0.1, "catalogue"),
    FeatureSpec("discount_ratio", "double precision", "ratio", 0, 0.9, 0.1, "catalogue"),
    FeatureSpec("shipping_days", "double precision", "days", 0, 30, 3, "catalogue"),
    FeatureSpec("min_age_years", "integer", "years", 0, 18, 0, "catalogue"),
)

INPUT_NAMES = (
    "interest_match",
    "interest_entropy",
    "log_price_gap",
    "abs_log_price_gap",
    "abs_log_recent_price_gap",
    "discount_match",
    "returns_risk",
    "log_reviews",
    "rating_stars",
    "log_listed_days",
    "shipping_days",
    "log_views_recent",
    "log_orders_90d",
    "age_price",
)


INPUTS_LOGGED_ONE_IN = 4
"""The prediction log has the inputs of one in so many requests, by chance: a count would tell streams apart."""


def parse_row(row: Mapping[str, Any]) -> list[float]:
    """A user vector in contract order from a raw row; raises ContractViolationError at the first bad column."""
    return [parse_value(row, column) for column in NAMES]


def impute(vectors: Floats) -> Floats:
    """Vectors (n, features) with NaN replaced by the contract's defaults."""
    return np.where(np.isnan(vectors), DEFAULTS, vectors)


def model_inputs(vectors: Floats, items: Mapping[str, npt.NDArray[Any]], shown: npt.NDArray[np.integer[Any]]) -> Floats:
    """The model's inputs (n, k, inputs) from imputed user vectors (n, features) and item indices (n, k)."""
    user = {name: vectors[:, i][:, None] for name, i in INDEX.items()}
    interest = np.clip(vectors[:, INTEREST], 1e-6, None)
    category = items["category"][shown]
    price = np.log(items["price_eur"])[shown]
    order_value = np.log(np.maximum(user["avg_order_value_eur"], 0.01))
    entropy = -(interest * np.log(interest)).sum(axis=1)[:, None]
    like = np.ones(shown.shape)
    columns = (
        np.take_along_axis(interest, category, axis=1),
        entropy * like,
        price - order_value,
        np.abs(price - order_value),
        np.abs(price - np.log(np.maximum(user["recent_price_eur"], 0.01))),
        user["discount_share_ratio"] * items["discount_ratio"][shown],
        user["returns_ratio"] * items["return_ratio"][shown],
        np.log1p(items["reviews_count"])[shown],
        items["rating_stars"][shown],
        np.log1p(items["listed_days"])[shown],
        items["shipping_days"][shown],
        np.log1p(np.maximum(user["views_recent_count"], 0)) * like,
        np.log1p(np.maximum(user["orders_90d_count"], 0)) * like,
        (user["age_years"] - 38) / 20 * price,
    )
    return np.stack(columns, axis=-1)
