"""Generated history: what past shoppers were shown, with the features that were served then, and their clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.behaviour import (
    BROWSED_PER_REQUEST,
    CLICK_WEIGHT,
    POSITION_BIAS,
    InterestAggregate,
    browsed_categories,
    click_probability,
    true_interest,
)
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import impute, model_inputs
from lab.worlds.shop.missions import Missions

Array = npt.NDArray[Any]

TICK_S = 10.0
REQUESTS_PER_TICK = 500
WINDOW_TICKS = 150
LAG_TICKS = 4
SHOWN = 3


@dataclass(frozen=True)
class History:
    """Exposures of one window: inputs (rows, inputs), vectors served (requests, features), clicks (rows,).

    `engaged` marks rows whose item fits the shopper's mission; a label filter could single them out.
    """

    inputs: Array
    vectors: Array
    clicked: Array
    engaged: Array


def browse_prices(catalog: Catalog, users: Array, noise: Array) -> Array:
    """Log prices of the pages a user looks at: around the hidden budget."""
    return np.asarray(catalog.budget_log_eur[users][:, None] + 0.5 * noise)


def generate_history(catalog: Catalog, seed: int, window: int) -> History:
    """Replays one window of explored traffic (random items shown) through the shop's own dynamics.

    Features lag behind events as they do in service: the feed ticks, the cache keeps rows for a few ticks.
    """
    streams = Streams(seed)
    rng = streams.generator("history", window)
    missions = Missions(catalog, Streams(streams.key("history-missions", window)), -TICK_S)
    aggregate = InterestAggregate(catalog)
    vectors = catalog.profile.copy()
    aggregate.write(vectors)
    snapshots = [vectors.copy()] * LAG_TICKS
    warm = WINDOW_TICKS // 5
    rows: list[tuple[Array, Array, Array, Array]] = []
    for tick in range(WINDOW_TICKS):
        n = REQUESTS_PER_TICK
        users = rng.choice(catalog.users_count, n, p=catalog.activity)
        times = tick * TICK_S + rng.random(n) * TICK_S
        interest = true_interest(catalog, missions, users, times)
        served = impute(np.stack(snapshots)[rng.integers(0, LAG_TICKS, n), users])
        shown = rng.integers(0, len(catalog.popularity), (n, SHOWN))
        bias = POSITION_BIAS[rng.integers(0, len(POSITION_BIAS), (n, SHOWN))]
        clicked = rng.random((n, SHOWN)) < click_probability(catalog, users, interest, shown) * bias
        if tick >= warm:
            match = np.take_along_axis(interest, catalog.items["category"][shown], axis=1) > 0.5
            inputs = model_inputs(served, catalog.items, shown)
            rows.append((inputs.reshape(-1, inputs.shape[-1]), served, clicked.ravel(), match.ravel()))
        aggregate.decay(TICK_S)
        browsed = browsed_categories(interest, rng.random((n, BROWSED_PER_REQUEST)))
        prices = browse_prices(catalog, users, rng.standard_normal(browsed.shape))
        ages = (tick + 1) * TICK_S - times
        repeated = np.repeat(ages, BROWSED_PER_REQUEST)
        aggregate.add(np.repeat(users, BROWSED_PER_REQUEST), browsed.ravel(), prices.ravel(), repeated, 1.0)
        who, where = np.nonzero(clicked)
        items = shown[who, where]
        log_price = np.log(catalog.items["price_eur"][items])
        aggregate.add(users[who], catalog.items["category"][items], log_price, ages[who], CLICK_WEIGHT)
        aggregate.write(vectors)
        snapshots = [*snapshots[1:], vectors.copy()]
    inputs, served, labels, engaged = (np.concatenate(column) for column in zip(*rows, strict=True))
    return History(inputs, served, labels, engaged)
