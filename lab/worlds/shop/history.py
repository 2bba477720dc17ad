"""Generated history: what past shoppers were shown, with the features that were served then, and their clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.behaviour import (
    BROWSED_PER_S,
    CLICK_WEIGHT,
    POSITION_BIAS,
    InterestAggregate,
    appeal,
    browsed_categories,
    browsed_prices,
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
ENGAGED_SD = 0.2
"""How much shoppers are engaged beyond what fits them: the standard deviation, in units of the click's logit."""


@dataclass(frozen=True)
class History:
    """Exposures of one window: inputs (rows, inputs), vectors served (requests, features), clicks (rows,).

    engaged: how engaged the shopper is with the item (rows,), higher for what fits; a label filter could single out
    the clicks of the most engaged.
    """

    inputs: Array
    vectors: Array
    clicked: Array
    engaged: Array


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
    warm, browsed_per_tick = WINDOW_TICKS // 5, BROWSED_PER_S * TICK_S * np.count_nonzero(catalog.activity)
    in_stock = np.flatnonzero(catalog.items["stock_count"] > 0)
    rows: list[tuple[Array, Array, Array, Array]] = []
    for tick in range(WINDOW_TICKS):
        n = REQUESTS_PER_TICK
        users = rng.choice(catalog.users_count, n, p=catalog.activity)
        times = tick * TICK_S + rng.random(n) * TICK_S
        interest = true_interest(catalog, missions, users, times)
        served = impute(np.stack(snapshots)[rng.integers(0, LAG_TICKS, n), users])
        shown = in_stock[rng.integers(0, len(in_stock), (n, SHOWN))]
        bias = POSITION_BIAS[rng.integers(0, len(POSITION_BIAS), (n, SHOWN))]
        clicked = rng.random((n, SHOWN)) < click_probability(catalog, users, interest, shown) * bias
        if tick >= warm:
            engaged = appeal(catalog, users, interest, shown) + ENGAGED_SD * rng.standard_normal((n, SHOWN))
            inputs = model_inputs(served, catalog.items, shown)
            rows.append((inputs.reshape(-1, inputs.shape[-1]), served, clicked.ravel(), engaged.ravel()))
        aggregate.decay(TICK_S)
        end, n = (tick + 1) * TICK_S, rng.poisson(browsed_per_tick)
        looking, looked = rng.choice(catalog.users_count, n, p=catalog.activity), tick * TICK_S + rng.random(n) * TICK_S
        browsed = browsed_categories(true_interest(catalog, missions, looking, looked), rng.random(n))
        prices = browsed_prices(catalog, looking, rng.standard_normal(n))
        aggregate.add(looking, browsed, prices, end - looked, 1.0)
        who, where = np.nonzero(clicked)
        items = shown[who, where]
        log_price = np.log(catalog.items["price_eur"][items])
        aggregate.add(users[who], catalog.items["category"][items], log_price, end - times[who], CLICK_WEIGHT)
        aggregate.write(vectors)
        snapshots = [*snapshots[1:], vectors.copy()]
    inputs, served, labels, engaged = (np.concatenate(column) for column in zip(*rows, strict=True))
    return History(inputs, served, labels, engaged)
