"""What shoppers do, drawn a little ahead: when they arrive, what they are offered, which of the items shown they click.

Nothing here sends or waits. The draws are those of the simulator: by the stream's key, the request's number in it and
what they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.agreed.run import Run
from lab.clock import NS
from lab.injection.levers import PopulationTastes
from lab.worlds.shop.behaviour import POSITION_BIAS, click_probability, true_interest
from lab.worlds.shop.browsing import Pages
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.registration import LABEL_WINDOW_S
from lab.worlds.shop.visits import Visits, candidate_draws, click_draws
from services.load.people import Answer, ArrivalStream
from services.shop.past import Shoppers

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
    """All shoppers of a run; `wobble` is the load's slow relative standard deviation. `put` takes what they did."""

    path = "/v1/recommend"

    def __init__(
        self, shoppers: Shoppers, run: Run, wobble: float, put: Callable[[list[Event]], None] = lambda events: None
    ) -> None:
        self.shoppers = shoppers
        self.run = run
        self.put = put
        self.wobble = wobble
        self.comers = Visits(shoppers.catalog)
        self._offers = Candidates(shoppers.catalog, shoppers.streams, round(run.warmup_s * NS))
        self._pages = Pages(shoppers.catalog, shoppers.missions, shoppers.streams, run.first_s)
        self._pages.skip(-run.warmup_s)
        self._pages_count = 0

    def change_tastes(self, fraction: float | None) -> float | None:
        """Turns a share of the shoppers, the same as in the simulator, to other categories; None turns them back.

        Returns the share that is turned now.
        """
        missions = self.shoppers.missions
        self._pages.settle(min(self.run.now_s, self.run.duration_s))  # nobody looks at anything after the run
        missions.change(None if fraction is None else PopulationTastes(fraction=fraction), self.shoppers.streams)
        return missions.changed.fraction if missions.changed else None

    def browsed(self, index: int, count: int, until_s: float) -> list[Event]:
        """Worker `index` of `count`'s part of the pages that were looked at before `until_s` and not taken before."""
        events = []
        for browsed in self._pages.until(until_s):
            for n, page in enumerate(zip(*(column.tolist() for column in browsed), strict=True), self._pages_count):
                if n % count == index:
                    at_s, user, category, log_price = page
                    occurred_at = datetime.fromtimestamp(self.run.unix_s(at_s), UTC)
                    events.append(Event(user, "view", category, log_price, occurred_at))
            self._pages_count += len(browsed.users)
        return events

    def go_on(self, index: int, count: int, until_s: float) -> None:
        """Puts down the pages that were looked at beside requests."""
        self.put(self.browsed(index, count, until_s))

    def candidates(self, draws: Array, times_ns: Array) -> Array:
        """Items offered to requests, (n, candidates)."""
        return self._offers.of(draws, times_ns)

    def base(self) -> list[ShopperStream]:
        """The warm-up and the load of the scenario."""
        run = self.run
        warmup = ((run.warmup_s, run.stages[0][1]),)
        streams = [ShopperStream("warmup", self, warmup, -run.warmup_s)] if run.warmup_s else []
        return [*streams, ShopperStream("load", self, run.stages, 0.0)]

    def further(self, kind: str, rate_per_s: float, at_s: float) -> ShopperStream:
        """Arrivals on top of the load, until its end. `kind`: surge, or bots, which click nothing."""
        name = f"{kind}/{round((at_s + self.run.warmup_s) * NS)}"
        stages = ((self.run.duration_s - at_s, rate_per_s),)
        return ShopperStream(name, self, stages, at_s, clicks=kind != "bots")


class ShopperStream(ArrivalStream):
    """One stream of shoppers who come."""

    def __init__(
        self, name: str, crowd: Crowd, stages: tuple[tuple[float, float], ...], start_s: float, *, clicks: bool = True
    ) -> None:
        super().__init__(name, crowd.run, crowd.shoppers.streams, crowd.wobble, stages, start_s)
        self.clicks = clicks
        self._crowd = crowd

    def drawn(self, numbers: Array, times_ns: Array) -> list[Visit]:
        click, delay_s = click_draws(self.key, numbers)
        drawn = {
            "users": self._crowd.comers.users(self.key, numbers),
            "candidates": self._crowd.candidates(candidate_draws(self.key, numbers), times_ns),
            "click_draws": click,
            "delay_s": delay_s,
        }
        times_s = self.times_s[numbers].tolist()
        return [Visit(self._crowd, drawn, row, at_s, clicks=self.clicks) for row, at_s in enumerate(times_s)]


class Visit:
    """One request and what comes with it. `time_s`: when it is due; `user_id`: who asks."""

    def __init__(self, crowd: Crowd, drawn: Mapping[str, Array], row: int, time_s: float, *, clicks: bool) -> None:
        self.time_s = time_s
        self._crowd = crowd
        self._row = {name: values[row : row + 1] for name, values in drawn.items()}
        self._clicks = clicks
        self.user_id = int(self._row["users"][0])

    def body(self) -> dict[str, Any]:
        return {"user_id": self.user_id, "candidates": self.candidates()}

    def answered(self, answer: Answer) -> None:
        """Looks at the page, and clicks."""
        shown = [item["item_id"] for item in answer.document["items"]]
        if shown:
            answer.tell("page_shown", user_id=self.user_id, item_ids=shown)
            for click in self.clicks(shown):
                answer.later(click.delay_s, partial(self._click, click, answer))

    def _click(self, click: Click, answer: Answer) -> None:
        self._crowd.put([self.click_event(click)])
        answer.tell("item_clicked", item_id=click.item_id, position=click.position, delay_s=click.delay_s)

    def candidates(self) -> list[int]:
        """The items to choose from."""
        offered: list[int] = self._row["candidates"][0].tolist()
        return offered

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
