"""What shoppers do, drawn ahead: when they arrive, what they are offered, which of the items shown they click.

Nothing here sends or waits. The draws are those of the simulator: same streams, same request numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.scenario.model import Stage
from lab.testbeds.sim.sources import arrival_times_ns
from lab.worlds.shop.behaviour import POSITION_BIAS, browsed_categories, click_probability, true_interest
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.history import browse_prices
from lab.worlds.shop.requests import ShopRequests
from lab.worlds.shop.scoring import LABEL_WINDOW_S
from services.common.past import Shoppers
from services.common.run import Run

Array = npt.NDArray[Any]


class Event(NamedTuple):
    """Something a shopper did that the feed is to learn of; `kind` is view or click."""

    user_id: int
    kind: str
    category: int
    log_price_eur: float
    occurred_at: datetime


class Click(NamedTuple):
    """A click on an item of a page: its place from 1, and how long after showing (scenario seconds)."""

    item_id: int
    position: int
    delay_s: float


class Crowd:
    """All shoppers of a run; `wobble` is the load's slow relative standard deviation."""

    def __init__(self, shoppers: Shoppers, run: Run, wobble: float) -> None:
        self.shoppers = shoppers
        self.run = run
        self.wobble = wobble
        # Candidates follow the popularity of the minute, which one log per run draws.
        self._offers = Candidates(shoppers.catalog, shoppers.streams, round(run.warmup_s * NS))

    def candidates(self, draws: Array, times_ns: Array) -> Array:
        """Items offered to requests, (n, candidates)."""
        return self._offers.of(draws, times_ns)

    def base(self) -> list[ArrivalStream]:
        """The warm-up and the load of the scenario."""
        run = self.run
        warmup = ((run.warmup_s, run.stages[0][1]),)
        streams = [ArrivalStream("warmup", self, warmup, -run.warmup_s)] if run.warmup_s else []
        return [*streams, ArrivalStream("load", self, run.stages, 0.0)]

    def further(self, kind: str, rate_per_s: float, at_s: float) -> ArrivalStream:
        """Arrivals on top of the load, until its end. `kind`: surge, or bots, which click nothing."""
        name = f"{kind}/{round((at_s + self.run.warmup_s) * NS)}"
        stages = ((self.run.duration_s - at_s, rate_per_s),)
        return ArrivalStream(name, self, stages, at_s, clicks=kind != "bots")


class ArrivalStream:
    """One stream of arrivals that numbers its own requests. Rates are real, times scenario seconds."""

    def __init__(
        self, name: str, crowd: Crowd, stages: tuple[tuple[float, float], ...], start_s: float, *, clicks: bool = True
    ) -> None:
        run, catalog, streams = crowd.run, crowd.shoppers.catalog, crowd.shoppers.streams
        plan = tuple(Stage.model_construct(for_s=length, rate_per_s=rate / run.time_scale) for length, rate in stages)
        rng = streams.generator(name, "arrivals")
        times_ns = arrival_times_ns(plan, start_s + run.warmup_s, crowd.wobble, rng)
        self.name = name
        self.is_active = True
        self._crowd = crowd
        self._data = ShopRequests(name, times_ns, catalog, streams, clicks=clicks)
        self._candidates = crowd.candidates(self._data.candidate_draws, self._data.times_ns)
        self.times_s = self._data.times_ns / NS - run.warmup_s

    def numbers(self, index: int, count: int) -> Iterator[int]:
        """The requests that worker `index` of `count` sends, in order of time."""
        return iter(range(index, len(self.times_s), count))

    def user_id(self, n: int) -> int:
        """Who asks."""
        return self._data.users_list[n]

    def candidates(self, n: int) -> list[int]:
        """The items to choose from."""
        offered: list[int] = self._candidates[n].tolist()
        return offered

    def views(self, n: int) -> list[Event]:
        """The pages seen around request n."""
        users, draws = self._one(n), self._data
        categories = browsed_categories(self._interest(n), draws.browse_draws[n : n + 1])[0].tolist()
        prices = browse_prices(self._crowd.shoppers.catalog, users, draws.price_draws[n : n + 1])[0].tolist()
        user = self.user_id(n)
        now = datetime.now(UTC)
        return [Event(user, "view", *seen, now) for seen in zip(categories, prices, strict=True)]

    def clicks(self, n: int, shown: list[int]) -> list[Click]:
        """The clicks that the items shown earn, by the true click function, within the label window."""
        items = np.array([shown], np.int64)
        places = items.shape[1]
        chance = click_probability(self._crowd.shoppers.catalog, self._one(n), self._interest(n), items)[0]
        delays_s = self._data.delay_s[n, :places]
        clicked = (self._data.click_draws[n, :places] < chance * POSITION_BIAS[:places]) & (delays_s < LABEL_WINDOW_S)
        if not self._data.clicks:
            return []
        return [Click(shown[i], i + 1, float(delays_s[i])) for i in np.flatnonzero(clicked).tolist()]

    def click_event(self, n: int, click: Click) -> Event:
        """The event of a click."""
        items = self._crowd.shoppers.catalog.items
        category, price_eur = items["category"][click.item_id], items["price_eur"][click.item_id]
        return Event(self.user_id(n), "click", int(category), float(np.log(price_eur)), datetime.now(UTC))

    def _one(self, n: int) -> Array:
        return self._data.users[n : n + 1]

    def _interest(self, n: int) -> Array:
        shoppers = self._crowd.shoppers
        return true_interest(shoppers.catalog, shoppers.missions, self._one(n), self.times_s[n : n + 1])
