"""What shoppers do, drawn a little ahead: when they arrive, what they are offered, which of the items shown they click.

Nothing here sends or waits. The draws are those of the simulator: by the stream's key, the request's number in it and
what they are for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.agreed.run import Run
from lab.clock import NS
from lab.draws import stream_key
from lab.injection.levers import PopulationTastes
from lab.recording.schema import LABEL_WINDOW_S
from lab.scenario.arrivals import Arrivals
from lab.scenario.model import Stage
from lab.worlds.shop.behaviour import POSITION_BIAS, browsed_categories, click_probability, true_interest
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.history import browse_prices
from lab.worlds.shop.visits import Visits, browse_draws, candidate_draws, click_draws
from services.common.past import Shoppers

Array = npt.NDArray[Any]
AHEAD = 500
"""Requests whose draws are made at once: a few milliseconds' work, in which nothing is sent."""


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
        self.comers = Visits(shoppers.catalog)
        self._offers = Candidates(shoppers.catalog, shoppers.streams, round(run.warmup_s * NS))

    def change_tastes(self, fraction: float | None) -> float | None:
        """Turns a share of the shoppers, the same as in the simulator, to other categories; None turns them back.

        Returns the share that is turned now.
        """
        missions = self.shoppers.missions
        missions.change(None if fraction is None else PopulationTastes(fraction=fraction), self.shoppers.streams)
        return missions.changed.fraction if missions.changed else None

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
    """One stream of arrivals that numbers its own requests. Rates are real, times scenario seconds.

    What shoppers do is drawn a few hundred requests ahead, so that a load of hours starts as fast as one of minutes.
    """

    def __init__(
        self, name: str, crowd: Crowd, stages: tuple[tuple[float, float], ...], start_s: float, *, clicks: bool = True
    ) -> None:
        run, streams = crowd.run, crowd.shoppers.streams
        plan = tuple(Stage.model_construct(for_s=length, rate_per_s=rate / run.time_scale) for length, rate in stages)
        self._times_ns = Arrivals(plan, start_s + run.warmup_s, crowd.wobble, streams, name).times_ns()
        self.name = name
        self.key = stream_key(streams, name)
        self.is_active = True
        self.clicks = clicks
        self._crowd = crowd
        self.times_s = self._times_ns / NS - run.warmup_s

    def visits(self, index: int, count: int) -> Iterator[Visit]:
        """The requests that worker `index` of `count` sends, in order of time."""
        for first in range(0, len(self.times_s), AHEAD):
            times_ns = self._times_ns[first : first + AHEAD]
            drawn = self._drawn(np.arange(first, first + len(times_ns)), times_ns)
            for n in range(first, first + len(times_ns)):
                if n % count == index:
                    yield Visit(self._crowd, drawn, n - first, float(self.times_s[n]), clicks=self.clicks)

    def _drawn(self, numbers: Array, times_ns: Array) -> dict[str, Array]:
        click, delay_s = click_draws(self.key, numbers)
        browsed, prices = browse_draws(self.key, numbers)
        return {
            "users": self._crowd.comers.users(self.key, numbers),
            "candidates": self._crowd.candidates(candidate_draws(self.key, numbers), times_ns),
            "click_draws": click,
            "delay_s": delay_s,
            "browse_draws": browsed,
            "price_draws": prices,
        }

    def due_count(self, index: int, count: int, now_s: float) -> int:
        """How many of a worker's requests are due by a scenario time."""
        due = int(np.searchsorted(self.times_s, now_s, side="right"))
        return max(0, -(-(due - index) // count))


class Visit:
    """One request and what comes with it. `time_s`: when it is due; `user_id`: who asks."""

    def __init__(self, crowd: Crowd, drawn: Mapping[str, Array], row: int, time_s: float, *, clicks: bool) -> None:
        self.time_s = time_s
        self._crowd = crowd
        self._row = {name: values[row : row + 1] for name, values in drawn.items()}
        self._clicks = clicks
        self.user_id = int(self._row["users"][0])

    def candidates(self) -> list[int]:
        """The items to choose from."""
        offered: list[int] = self._row["candidates"][0].tolist()
        return offered

    def views(self) -> list[Event]:
        """The pages seen around the request."""
        catalog = self._crowd.shoppers.catalog
        categories = browsed_categories(self._interest(), self._row["browse_draws"])[0].tolist()
        prices = browse_prices(catalog, self._row["users"], self._row["price_draws"])[0].tolist()
        now = datetime.now(UTC)
        return [Event(self.user_id, "view", *seen, now) for seen in zip(categories, prices, strict=True)]

    def clicks(self, shown: list[int]) -> list[Click]:
        """The clicks that the items shown earn, by the true click function, within the label window."""
        if not self._clicks:
            return []
        items = np.array([shown], np.int64)
        places = items.shape[1]
        chance = click_probability(self._crowd.shoppers.catalog, self._row["users"], self._interest(), items)[0]
        delays_s = self._row["delay_s"][0, :places]
        drawn = self._row["click_draws"][0, :places]
        clicked = (drawn < chance * POSITION_BIAS[:places]) & (delays_s < LABEL_WINDOW_S)
        return [Click(shown[i], i + 1, float(delays_s[i])) for i in np.flatnonzero(clicked).tolist()]

    def click_event(self, click: Click) -> Event:
        """The event of a click."""
        items = self._crowd.shoppers.catalog.items
        category, price_eur = items["category"][click.item_id], items["price_eur"][click.item_id]
        return Event(self.user_id, "click", int(category), float(np.log(price_eur)), datetime.now(UTC))

    def _interest(self) -> Array:
        shoppers = self._crowd.shoppers
        return true_interest(shoppers.catalog, shoppers.missions, self._row["users"], np.array([self.time_s]))
