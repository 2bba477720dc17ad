"""Nightly segments behind a simulated system: customers live, jobs sort them, campaigns follow, people respond.

When jobs run, how long their steps take and what fails on the way is the request plane's. No requests come.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.clock import NS
from lab.content.protocol import Arrivals, Columns, Counts, Done, PlaneState, Served, Stream, Times, WorldContext
from lab.injection.levers import ActValue, AnyLever, ModelDeploy, Place
from lab.worlds.batch import outcomes
from lab.worlds.batch.behaviour import Day
from lab.worlds.batch.campaigns import Campaigns, Sent
from lab.worlds.batch.dates import Dates
from lab.worlds.batch.gauges import Gauges
from lab.worlds.batch.history import SOURCE_DAYS, lived
from lab.worlds.batch.layout import LAYOUT
from lab.worlds.batch.levers import LEVERS
from lab.worlds.batch.market import MarketOpen, MarketResponse
from lab.worlds.batch.nightly import Nightly
from lab.worlds.batch.outcomes import RIPENS_NS
from lab.worlds.batch.population import Population
from lab.worlds.batch.registration import CUSTOMERS_COUNT, SEND_H
from lab.worlds.batch.registry import Registry
from lab.worlds.batch.settings import Settings
from lab.worlds.batch.shelf import Shelf
from lab.worlds.batch.sources import Sources
from lab.worlds.batch.vocabulary import COUNTRIES, SEGMENTS, USUAL, WINDOW_DAYS
from lab.worlds.batch.warehouse import Warehouse

if TYPE_CHECKING:
    from lab.content.protocol import Content


class Batch:
    """Implements `lab.content.protocol.Content` for nightly segments."""

    layout = LAYOUT

    def __init__(self, context: WorldContext) -> None:
        assert context.system.world is not None
        spec, performers = context.system.world, context.system.performers
        self._context = context
        self._tool, self.source = performers["send_campaigns"], performers["read_customers"]
        self.dates = Dates(context.system, context.start_ns)
        self.settings = Settings(context.system)
        customers = int(spec.settings.get("customers", CUSTOMERS_COUNT))
        past = lived(spec.seed, customers, self.dates.first_weekday)
        people = Population(spec.seed, customers)
        people.types[:customers], people.day = past.types, -1
        padded = [np.pad(of, ((0, 0), (0, people.room - customers))) for of in past.partitions]
        last_order = np.pad(past.last_order, (0, people.room - customers), constant_values=past.last_order.min())
        days = {day - SOURCE_DAYS: Day(*of.astype(np.float64)) for day, of in enumerate(past.days)}
        house = Warehouse(dict(zip(range(1 - WINDOW_DAYS, 1), padded, strict=True)), last_order)
        sent = {
            day: one._replace(time_ns=self.dates.begins_ns(day) + round(SEND_H * 3600 * NS))
            for day, one in past.sent.items()
        }
        gauges = Gauges()
        registry = Registry(context, performers["score_customers"], past.versions, past.test, gauges)
        self.nightly = Nightly(
            context, self.dates, self.settings, Sources(people, self.dates, context.streams, days), house, registry,
            Campaigns(context.streams, sent), Shelf(context, self.dates, self.settings), gauges,
        )  # fmt: skip
        self.market: MarketOpen | None = None
        self.response: MarketResponse | None = None
        self._given_ns = context.start_ns - 1

    def bind(self, state: PlaneState) -> None:
        """Nothing of this world is in the plane's tables. The jobs have run every night, and for this one too."""
        self.nightly.catch_up()

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        return Arrivals(np.zeros((len(times_ns), 1), np.int64))

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        """Nothing of this world follows from requests."""

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        self.nightly.sources.live_until(now_ns)
        return self.nightly.operate(operation, now_ns, request)

    # Levers on content.

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        return LEVERS.read(self, lever, str(place))

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self._now_ns = now_ns
        self.nightly.sources.live_until(now_ns)
        LEVERS.write(self, lever, str(place), value)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        self._now_ns = now_ns
        self.nightly.sources.live_until(now_ns)
        LEVERS.do(self, str(place), act)

    def backfill(self) -> None:
        """Extracts the days before once more."""
        self.nightly.backfill(self._now_ns)

    def deploy(self, value: ModelDeploy) -> None:
        """Serves a version that there is; or trains one, and all that follow, in another way."""
        registry = self.nightly.registry
        registry.recipe = value.training or USUAL
        if value.version is not None:
            registry.serve(value.version, self._now_ns)
        else:
            self.nightly.train(self._now_ns, is_gated=False)

    def open_market(self, value: MarketOpen | None) -> None:
        """Lets people of a further country sign up, or none any more."""
        people = self.nightly.sources.population
        if self.market is not None:
            people.close_market(COUNTRIES.index(self.market.country.upper()))
        if value is not None:
            people.open_market(COUNTRIES.index(value.country.upper()), value.share)
        self.market = value

    def change_response(self, value: MarketResponse | None) -> None:
        """Multiplies how many respond to a campaign."""
        factors = np.ones(len(SEGMENTS))
        if value is not None:
            factors[SEGMENTS.index(value.campaign)] = value.factor
        self.nightly.campaigns.response, self.response = factors, value

    # Telemetry.

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        """Nothing: what is measured holds for a day, and `counts` tells it of every interval."""
        self.nightly.sources.live_until(now_ns)
        return []

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        sent = outcomes.counts(self.nightly.campaigns.sent, edges_ns, self._tool)
        return [*sent, *self.nightly.gauges.at_ends(edges_ns), *self._customers(edges_ns)]

    def _customers(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        days = [self.dates.day(at_ns) for at_ns in edges_ns[1:].tolist()]
        people = self.nightly.sources.population
        return [(self.source, "customer.count", "", np.array([people.counted(day) for day in days], np.float64))]

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        found = [one for one in self._ungiven() if one.time_ns + RIPENS_NS <= until_ns]
        if found:
            self._given_ns = found[-1].time_ns
        return outcomes.rows(found, self._context.start_ns, until_ns, self._tool)

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        return outcomes.rows(self._ungiven(), self._context.start_ns, until_ns, self._tool)

    def _ungiven(self) -> list[Sent]:
        return [one for one in self.nightly.campaigns.sent.values() if one.time_ns > self._given_ns]

    def reference(self) -> dict[str, Any]:
        return {"registry.json": self.nightly.registry.versions}

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Batch:
        other = copy.copy(self)
        other._context = context
        other.settings = self.settings.copy()
        other.nightly = self.nightly.branch(context, other.settings)
        return other


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = Batch
