"""The shop's people and goods: seeded, coherent, with what is hidden from the model kept apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.features import CATEGORIES, DEFAULTS, INDEX, INTEREST, NAMES
from lab.worlds.shop.registration import SHOPPERS

Array = npt.NDArray[Any]
STRATA = 20
SOLD_OUT_RATIO = 0.16
"""Share of the items that are out of stock; the more popular an item, the likelier."""


@dataclass(frozen=True)
class Catalog:
    """Users and items. `taste` and `budget_log_eur` are true and never served; `activity` sums to 1.

    profile: (users, features) start values in contract order. taste: (users, categories) long-term shares.
    items: one array per item feature. strata: (20, items/20) item indices, one candidate is drawn from each.
    """

    profile: Array
    taste: Array
    budget_log_eur: Array
    activity: Array
    items: dict[str, Array]
    popularity: Array
    strata: Array

    @property
    def users_count(self) -> int:
        return len(self.activity)


def make_catalog(seed: int, users_count: int = SHOPPERS, items_count: int = 500) -> Catalog:
    """Draws the shop of this seed."""
    streams = Streams(seed)
    items, popularity = _items(streams.generator("items"), items_count)
    profile, taste, budget, activity = _users(streams.generator("users"), users_count)
    order = streams.generator("strata").permutation(items_count)
    return Catalog(profile, taste, budget, activity, items, popularity, order.reshape(STRATA, -1))


def _items(rng: np.random.Generator, n: int) -> tuple[dict[str, Array], Array]:
    category = rng.integers(0, len(CATEGORIES), n)
    level = np.log(np.array([160, 45, 60, 55, 25, 30]))[category]
    price = np.exp(level + rng.normal(0, 0.55, n))
    quality = rng.normal(0, 1, n)
    popularity = np.exp(0.5 * quality + rng.normal(0, 0.6, n))
    sold_out = np.clip(SOLD_OUT_RATIO * popularity / popularity.mean(), 0, 0.9)
    items = {
        "category": category,
        "price_eur": np.round(np.clip(price, 1, 4000), 2),
        "weight_g": np.round(np.exp(rng.normal(6, 1, n)) + 20, 1),
        "rating_stars": np.round(np.clip(4 + 0.35 * quality + rng.normal(0, 0.25, n), 1, 5), 2),
        "reviews_count": rng.poisson(np.clip(40 * popularity, 0, 5000)),
        "stock_count": np.where(rng.random(n) < sold_out, 0, rng.integers(1, 400, n)),
        "margin_ratio": np.round(np.clip(rng.beta(4, 10, n), 0.02, 0.8), 4),
        "listed_days": rng.integers(1, 1500, n),
        "return_ratio": np.round(rng.beta(2, 14, n), 4),
        "discount_ratio": np.round(np.where(rng.random(n) < 0.4, rng.uniform(0.05, 0.5, n), 0), 4),
        "shipping_days": np.round(rng.gamma(4, 0.8, n), 1),
        "min_age_years": np.where(rng.random(n) < 0.03, 18, 0),
    }
    return items, popularity / popularity.sum()


def _users(rng: np.random.Generator, n: int) -> tuple[Array, Array, Array, Array]:
    profile = np.tile(DEFAULTS, (n, 1))
    wealth = rng.normal(0, 0.5, n)
    age = np.clip(rng.gamma(9, 4.3, n) + 14, 16, 92).round()
    columns = {
        "age_years": age,
        "account_age_days": rng.integers(1, 3500, n),
        "avg_order_value_eur": np.round(np.exp(4.0 + wealth + rng.normal(0, 0.15, n)), 2),
        "orders_90d_count": rng.poisson(3, n),
        "discount_share_ratio": np.round(rng.beta(2, 4, n), 4),
        "returns_ratio": np.round(rng.beta(2, 16, n), 4),
    }
    for name, values in columns.items():
        profile[:, INDEX[name]] = values
    taste = rng.dirichlet(np.full(len(CATEGORIES), 3.0), n)
    profile[:, INTEREST] = taste
    activity = rng.gamma(1.5, 1.0, n) + 0.05
    assert profile.shape[1] == len(NAMES)
    return profile, taste, 3.9 + wealth, activity / activity.sum()


def active_catalog(catalog: Catalog, visitors: int) -> Catalog:
    """The shop with only so many shoppers visiting: the first ones of the catalog."""
    if visitors >= catalog.users_count:
        return catalog
    is_active = np.arange(catalog.users_count) < visitors
    activity = np.where(is_active, catalog.activity, 0.0)
    return replace(catalog, activity=activity / activity.sum())


def active_count(visitors: int, time_scale: float) -> int:
    """How many of the shoppers may visit at this time scale and keep up their own pace."""
    return max(1, round(visitors / time_scale))
