"""Browsing turned into features: one module for the simulator and for the stack's load and feed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.behaviour import (
    BROWSED_PER_REQUEST,
    InterestAggregate,
    browsed_categories,
    true_interest,
)
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.history import browse_prices
from lab.worlds.shop.missions import Missions

Array = npt.NDArray[Any]

PAST_TICK_S = 10.0


class Browsing:
    """The shoppers of a run as they browse: their catalog and missions, and the feed's aggregate of it."""

    def __init__(self, catalog: Catalog, missions: Missions) -> None:
        self.catalog = catalog
        self.missions = missions
        self.aggregate = InterestAggregate(catalog)

    def add(self, users: Array, times_s: Array, now_s: float, uniforms: Array, noise: Array) -> None:
        """Counts the pages that users (n,) saw around times_s (n,), as of now_s; draws are (n, BROWSED_PER_REQUEST)."""
        interest = true_interest(self.catalog, self.missions, users, times_s)
        categories = browsed_categories(interest, uniforms)
        prices = browse_prices(self.catalog, users, noise)
        each = categories.shape[1]
        ages_s = np.repeat(now_s - times_s, each)
        self.aggregate.add(np.repeat(users, each), categories.ravel(), prices.ravel(), ages_s, 1.0)

    def copy(self, missions: Missions) -> Browsing:
        """One that goes on for itself, with these missions."""
        copied = Browsing(self.catalog, missions)
        copied.aggregate = self.aggregate.copy()
        return copied

    def live_through(self, streams: Streams, first_s: float, until_s: float, rate_per_s: float) -> None:
        """Minutes of browsing before a run, so that features start in equilibrium."""
        rng = streams.generator("past")
        n = round(rate_per_s * PAST_TICK_S)
        for tick_s in np.arange(first_s, until_s, PAST_TICK_S):
            users = rng.choice(self.catalog.users_count, n, p=self.catalog.activity)
            times_s = tick_s + rng.random(n) * PAST_TICK_S
            self.aggregate.decay(PAST_TICK_S)
            draws = rng.random((n, BROWSED_PER_REQUEST)), rng.standard_normal((n, BROWSED_PER_REQUEST))
            self.add(users, times_s, tick_s + PAST_TICK_S, *draws)
