"""The shoppers of a run and what they did before it, so that features start in equilibrium."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.streams import Streams
from lab.worlds.shop.behaviour import (
    BROWSED_PER_REQUEST,
    InterestAggregate,
    Missions,
    browsed_categories,
    true_interest,
)
from lab.worlds.shop.catalog import Catalog, make_catalog
from lab.worlds.shop.history import browse_prices
from services.common.run import Run, active_catalog

PAST_TICK_S = 10.0


@dataclass(frozen=True)
class Shoppers:
    """Who shops in a run: the catalog with those active, their missions, the run's random streams."""

    catalog: Catalog
    missions: Missions
    streams: Streams


def shoppers_of(run: Run, world_seed: int) -> Shoppers:
    """Draws the shoppers of a run; the same draws as the simulator's."""
    streams = Streams(run.seed)
    catalog = active_catalog(make_catalog(world_seed), run.time_scale)
    return Shoppers(catalog, Missions(catalog, streams, run.first_s, run.duration_s), streams)


def lived_through(shoppers: Shoppers, run: Run) -> InterestAggregate:
    """The feed's aggregate after minutes of browsing until the warm-up starts."""
    catalog = shoppers.catalog
    aggregate = InterestAggregate(catalog)
    rng = shoppers.streams.generator("past")
    n = round(run.stages[0][1] / run.time_scale * PAST_TICK_S)
    for tick_s in np.arange(run.first_s, -run.warmup_s, PAST_TICK_S):
        users = rng.choice(catalog.users_count, n, p=catalog.activity)
        times_s = tick_s + rng.random(n) * PAST_TICK_S
        aggregate.decay(PAST_TICK_S)
        interest = true_interest(catalog, shoppers.missions, users, times_s)
        categories = browsed_categories(interest, rng.random((n, BROWSED_PER_REQUEST)))
        prices = browse_prices(catalog, users, rng.standard_normal((n, BROWSED_PER_REQUEST)))
        ages_s = np.repeat(tick_s + PAST_TICK_S - times_s, BROWSED_PER_REQUEST)
        aggregate.add(np.repeat(users, BROWSED_PER_REQUEST), categories.ravel(), prices.ravel(), ages_s, 1.0)
    return aggregate
