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

    def looked_at(self, users: Array, times_s: Array, uniforms: Array, noise: Array) -> tuple[Array, Array]:
        """Categories and log prices of the pages that users (n,) see around times_s (n,).

        These are (n, BROWSED_PER_REQUEST), as the draws are.
        """
        interest = true_interest(self.catalog, self.missions, users, times_s)
        return browsed_categories(interest, uniforms), browse_prices(self.catalog, users, noise)

    def count(self, users: Array, ages_s: Array, categories: Array, log_prices: Array) -> None:
        """Counts the pages that users (n,) saw ages_s (n,) ago."""
        each = categories.shape[1]
        self.aggregate.add(np.repeat(users, each), categories.ravel(), log_prices.ravel(), np.repeat(ages_s, each), 1.0)

    def copy(self, missions: Missions) -> Browsing:
        """One that goes on for itself, with these missions."""
        copied = Browsing(self.catalog, missions)
        copied.aggregate = self.aggregate.copy()
        return copied

    def live_through(self, streams: Streams, first_s: float, until_s: float, rate_per_s: float) -> None:
        """Minutes of browsing before a run, so that features start in equilibrium."""
        rng = streams.generator("past")
        n = round(rate_per_s * PAST_TICK_S)
        drawn = []
        for tick_s in np.arange(first_s, until_s, PAST_TICK_S):
            users = rng.choice(self.catalog.users_count, n, p=self.catalog.activity)
            times_s = tick_s + rng.random(n) * PAST_TICK_S
            uniforms, noise = rng.random((n, BROWSED_PER_REQUEST)), rng.standard_normal((n, BROWSED_PER_REQUEST))
            drawn.append((users, tick_s + PAST_TICK_S - times_s, times_s, uniforms, noise))
        if not drawn:
            return
        users, ages_s, *rest = map(np.concatenate, zip(*drawn, strict=True))
        columns = (users, ages_s, *self.looked_at(users, *rest))
        for tick in range(len(drawn)):
            self.aggregate.decay(PAST_TICK_S)
            self.count(*(column[tick * n : (tick + 1) * n] for column in columns))
