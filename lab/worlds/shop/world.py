"""The shop behind the simulated recommender: what requests mean, and the feed.

Timing and the stores, tables and gates that requests meet are the request plane's. Here is what comes of them: which
rows a cache entry or an answer stands for, what was shown and clicked, what the feed makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.agreed.run import PAST_S
from lab.clock import NS, to_ns
from lab.content.operations import FROM_NOWHERE
from lab.content.protocol import Arrivals, Columns, Counts, Done, PlaneState, Served, Stream, Times, WorldContext
from lab.injection.levers import (
    PopulationShift,
    PopulationTastes,
)
from lab.recording.status import OK
from lab.worlds.kit.epochs import Epochs
from lab.worlds.kit.learned import LearnedWorld
from lab.worlds.kit.rows import chosen
from lab.worlds.kit.served import ServedLog
from lab.worlds.kit.serving import ServedModel
from lab.worlds.kit.sums import EventSums
from lab.worlds.shop import reference
from lab.worlds.shop.behaviour import CLICK_WEIGHT, PAGE
from lab.worlds.shop.browsing import Browsing
from lab.worlds.shop.catalog import active_catalog, make_catalog
from lab.worlds.shop.events import Clicks, Requests
from lab.worlds.shop.features import INDEX, NAMES, USER_FEATURES
from lab.worlds.shop.layout import CACHE, MODEL, RULED, layout
from lab.worlds.shop.levers import LEVERS
from lab.worlds.shop.missions import Missions
from lab.worlds.shop.registration import FIRST_VERSIONS, SHOPPERS
from lab.worlds.shop.rows import ShownLog, entities
from lab.worlds.shop.showing import Answers, Pages, Showing, click_times_ns
from lab.worlds.shop.training import train
from lab.worlds.shop.visits import Visits

if TYPE_CHECKING:
    from lab.content.protocol import Content

Array = npt.NDArray[Any]


class ShopWorld(LearnedWorld):
    """Implements `lab.content.protocol.Content` for the shop."""

    LEVERS = LEVERS

    def __init__(self, context: WorldContext) -> None:
        super().__init__(context)
        assert context.system.world is not None
        spec, performers = context.system.world, context.system.performers
        shop = make_catalog(spec.seed)
        self.catalog = active_catalog(shop, int(spec.settings.get("visitors", SHOPPERS)))
        self.cache_component, self._table_component = performers["read_entry"], performers["read_row"]
        ttl_ns = to_ns(float(context.system.components[self.cache_component].settings["ttl_s"]))
        self.layout = layout(self.catalog.users_count, ttl_ns)
        warmup_s, start_ns = context.start_ns / NS, context.start_ns
        first_s = -warmup_s - PAST_S
        self.missions = Missions(self.catalog, context.streams, first_s)
        self._browsing = Browsing(self.catalog, self.missions, context.streams, first_s)
        self._browsing.count_until(-warmup_s)
        self.tables = (Epochs(self.catalog.profile.copy(), USER_FEATURES, context.streams),)
        self._browsing.aggregate.write(self.table.rows)
        # Each version is trained on the window of history that follows that of the one before.
        self.model = ServedModel(performers["predict"], MODEL, partial(train, shop, spec.seed), FIRST_VERSIONS)
        self._requests = Requests(Visits(self.catalog))
        self._showing = Showing(self.catalog, context.streams, start_ns)
        self._served = ServedLog(start_ns, ("default", self.cache_component, self._table_component), NAMES, entities)
        self._shown = ShownLog(start_ns, self.model.component)
        self._clicks = Clicks()
        interval_ns = to_ns(context.system.scrape_interval_s)
        self._pages_count, self._clicks_count = (EventSums(start_ns, interval_ns) for _ in range(2))
        self.shifts: dict[str, PopulationShift | None] = {}

    @property
    def table(self) -> Epochs:
        """The rows of the users."""
        return self.tables[0]

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        return self._requests.arrive(stream, first, times_ns)

    # Blocks.

    def _take(self, served: Served, done: Done) -> None:
        if len(served.request):
            self._served.add(served, self._requests.users(served.request), self.tables)
        answered = np.flatnonzero(done.status == OK)
        if len(answered):
            self._show(done if len(answered) == len(done.status) else chosen(done, answered))

    def _show(self, done: Done) -> None:
        came = np.flatnonzero(done.source[:, 0] != FROM_NOWHERE)
        row = np.full(len(done.request), -1)
        row[came] = self.table.slots(done.epoch[came, 0]) * self.catalog.users_count + done.row[came, 0]
        for stream, places, numbers in self._requests.by_stream(done.request):
            answers = Answers(
                stream, numbers, done.request[places], done.start_ns[places], done.end_ns[places], row[places],
                done.version[places], done.marks[places] & RULED,
            )  # fmt: skip
            for pages in self._showing.pages(answers, self.table.seen, self.model.versions, self.missions):
                self._respond(pages)

    def _respond(self, pages: Pages) -> None:
        """Shoppers see pages, and click."""
        self._shown.add(pages)
        self._pages_count.add(pages.shown_ns)
        page, place, times_ns = click_times_ns(pages)
        self._clicks.add(times_ns, pages.request[page], place, pages.user[page], pages.item[page, place])
        self._clicks_count.add(times_ns)

    # The feed.

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        assert operation == "aggregate_events"
        self._settle()
        aggregate, touched = self._browsing.aggregate, self._state.store(CACHE).touched
        for users in self._browsing.count_until(self._scenario_s(now_ns)):
            touched[users] = 1
        users, items, ages_s = self._clicks.take(now_ns)
        of_items = self.catalog.items
        aggregate.add(users, of_items["category"][items], np.log(of_items["price_eur"][items]), ages_s, CLICK_WEIGHT)
        touched[users] = 1
        aggregate.write(self.table.rows)
        self.table.watermark_ns = now_ns
        self._renew(now_ns)
        return OK

    def _scenario_s(self, time_ns: int) -> float:
        return (time_ns - self._context.start_ns) / NS

    # Levers on the people.

    def shift(self, feature: str, value: PopulationShift | None) -> None:
        """Multiplies a feature of all users by what they have at rest."""
        position = INDEX[feature]
        self.table.rows[:, position] = self.catalog.profile[:, position] * (value.factor if value else 1.0)
        self.shifts[feature] = value
        self._renew(self.now_ns)

    def change_tastes(self, value: PopulationTastes | None) -> None:
        """Turns a share of the users to other categories, or back."""
        self._browsing.pages.settle(self._scenario_s(self.now_ns))
        self.missions.change(value, self._context.streams)

    # Telemetry.

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        self._settle()
        entry = self._context.system.entry or ""
        return [
            (entry, "recommendation.impression.count", "", PAGE * self._pages_count.between(edges_ns)),
            (entry, "recommendation.click.count", "", self._clicks_count.between(edges_ns)),
        ]

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        self._settle()
        for counts in (self._pages_count, self._clicks_count):
            counts.sum_until(self.now_ns)
        return {"features": self._served.final(until_ns), "predictions": self._shown.final(until_ns)}

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        self._settle()
        return {"features": self._served.pending(until_ns), "predictions": self._shown.pending(until_ns)}

    def reference(self) -> dict[str, Any]:
        return reference.files(self.model.versions, self._table_component)

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        copied = self._branched(context, state)
        copied.missions, copied.shifts = self.missions.copy(), dict(self.shifts)
        copied._browsing = self._browsing.copy(copied.missions)
        copied._requests = self._requests.copy(streams)
        for name in ("_showing", "_served", "_shown", "_clicks", "_pages_count", "_clicks_count"):
            setattr(copied, name, getattr(self, name).copy())
        return copied


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = ShopWorld
