"""How shoppers behave: what they are after right now, what they browse, and the true click function.

Shoppers follow missions: for some minutes one category fills most of their interest. The model never sees a
mission, only features aggregated from past events, which is why freshness is worth clicks.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import CATEGORIES, FEED_COLUMNS, INDEX, INTEREST, USER_FEATURES

if TYPE_CHECKING:
    from lab.worlds.shop.missions import Missions

Array = npt.NDArray[Any]

MISSION_MEAN_S = 90.0
MISSION_SHARE = 0.8
BROWSED_PER_S = 0.07
"""Pages that a shopper looks at, on average, whether or not a recommendation is asked for."""
MEMORY_S = 40.0
CLICK_WEIGHT = 1.0
PRIOR_WEIGHT = 1.0
POSITION_BIAS = np.array([1.0, 0.82, 0.7, 0.6, 0.53])
PAGE = len(POSITION_BIAS)
"""Items on a page."""


def true_interest(catalog: Catalog, missions: Missions, users: Array, times_s: Array) -> Array:
    """(n, categories) shares of interest right now: the mission's most, the rest by taste."""
    interest = (1 - MISSION_SHARE) * catalog.taste[users]
    interest[np.arange(len(users)), missions.at(users, times_s)] += MISSION_SHARE
    return interest


def browsed_categories(interest: Array, uniforms: Array) -> Array:
    """Category of each page looked at, (n,), from what its shopper was after, interest (n, categories)."""
    categories, edge = np.zeros(uniforms.shape, np.int64), np.zeros(len(uniforms))
    for share in interest.T[:-1]:  # by column: many short sums would take five times as long
        edge = edge + share
        categories += uniforms > edge
    return categories


def browsed_prices(catalog: Catalog, users: Array, noise: Array) -> Array:
    """Log price of each page looked at, (n,): around the hidden budget."""
    return np.asarray(catalog.budget_log_eur[users] + 0.5 * noise)


def click_probability(catalog: Catalog, users: Array, interest: Array, shown: Array) -> Array:
    """True probability that a user clicks each shown item (n, k), before position bias; none where it is sold out."""
    is_there = catalog.items["stock_count"][shown] > 0
    return np.where(is_there, 1 / (1 + np.exp(-appeal(catalog, users, interest, shown))), 0.0)


def appeal(catalog: Catalog, users: Array, interest: Array, shown: Array) -> Array:
    """How well each shown item (n, k) fits its user: the logit of a click.

    Not linear in anything the model sees: interest saturates, price fit is to a hidden budget.
    """
    items = catalog.items
    liking = np.take_along_axis(interest, items["category"][shown], axis=1)
    price_gap = np.log(items["price_eur"])[shown] - catalog.budget_log_eur[users][:, None]
    bargain = catalog.profile[users, INDEX["discount_share_ratio"]][:, None] * items["discount_ratio"][shown]
    return np.asarray(
        -3.85
        + 3.1 * np.sqrt(liking)
        - 1.0 * np.minimum(price_gap**2, 4.0)
        + 2.0 * bargain
        + 0.8 * (items["rating_stars"][shown] - 4)
        + 0.3 * (np.log1p(items["reviews_count"])[shown] - 3.5)
        - 0.05 * (items["shipping_days"][shown] - 3)
    )


_FEED = slice(FEED_COLUMNS[0], FEED_COLUMNS[-1] + 1)


class InterestAggregate:
    """The feed's arithmetic: exponentially decayed event counts per user, turned into feature columns."""

    def __init__(self, catalog: Catalog) -> None:
        n = catalog.users_count
        self.counts = np.asfortranarray(catalog.taste * PRIOR_WEIGHT * 3)  # what is computed is so by column
        self.price_sum = np.log(catalog.profile[:, INDEX["recent_price_eur"]]) * np.ones(n)
        self.price_weight = np.ones(n)
        self.taste_prior = np.full(len(CATEGORIES), PRIOR_WEIGHT / len(CATEGORIES))

    def copy(self) -> InterestAggregate:
        """One that changes for itself."""
        copied = copy.copy(self)
        for name in ("counts", "price_sum", "price_weight"):
            setattr(copied, name, getattr(self, name).copy("K"))
        return copied

    def decay(self, seconds: float) -> None:
        """Forgets for this long."""
        keep = np.exp(-seconds / MEMORY_S)
        self.counts *= keep
        self.price_sum *= keep
        self.price_weight *= keep

    def add(self, users: Array, categories: Array, log_prices: Array, ages_s: Array, weight: float) -> None:
        """Counts events that happened `ages_s` before the aggregate's time; all arrays have the same length."""
        weights = weight * np.exp(-ages_s / MEMORY_S)
        np.add.at(self.counts, (users, categories), weights)
        np.add.at(self.price_sum, users, weights * log_prices)
        np.add.at(self.price_weight, users, weights)

    def columns(self) -> dict[str, Array]:
        """The feed-owned feature columns, one value per user."""
        return {USER_FEATURES[i].name: column for i, column in zip(FEED_COLUMNS, self._matrix().T, strict=True)}

    def write(self, vectors: Array) -> None:
        """Stores the columns into a (users, features) matrix in contract order."""
        vectors[:, _FEED] = self._matrix()

    def _matrix(self) -> Array:
        """(users, feed-owned columns): views, price, then interests."""
        total = self.counts.sum(axis=1)
        matrix = np.empty((len(total), len(FEED_COLUMNS)), order="F")
        matrix[:, 0] = total
        matrix[:, 1] = np.exp((self.price_sum + np.log(45.0)) / (self.price_weight + 1))
        matrix[:, 2:] = (self.counts + self.taste_prior) / (total + PRIOR_WEIGHT)[:, None]
        return np.round(matrix, 6, out=matrix)


assert (INDEX["views_recent_count"], INDEX["recent_price_eur"], *range(INTEREST.start, INTEREST.stop)) == FEED_COLUMNS
