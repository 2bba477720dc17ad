"""What the jobs of a night do, step by step: each reads what is there and leaves what the next one reads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.protocol import WorldContext
from lab.recording.status import ERROR, OK, UNAVAILABLE
from lab.worlds.batch.campaigns import Campaigns, Listed
from lab.worlds.batch.datasets import FEATURES, LIST, ORDERS, SCORES, SNAPSHOT, VISITS
from lab.worlds.batch.dates import DAY_S, Dates
from lab.worlds.batch.gauges import Gauges
from lab.worlds.batch.operations import FEWEST_KEPT, MOST_NULLS
from lab.worlds.batch.registry import Registry
from lab.worlds.batch.settings import Settings
from lab.worlds.batch.shelf import Shelf
from lab.worlds.batch.sources import Sources, UnreadableError
from lab.worlds.batch.tables import Table, filled, rows_count
from lab.worlds.batch.vocabulary import COUNTRIES, COUNTRY, KEY, NO_KEY, SEGMENT, SEGMENT_LISTS, SEGMENTS, UNITS_PER_EUR
from lab.worlds.batch.warehouse import Warehouse

Array = npt.NDArray[Any]
LAST_NIGHT_NS = 3 * 3600 * NS
"""When segments were published in the last night before a run, since midnight."""
RATED = tuple(country for country, units in zip(COUNTRIES, UNITS_PER_EUR, strict=True) if units != 1.0)
"""Countries with a money of their own."""


class Nightly:
    """The jobs' side of the world: `operate` does one operation."""

    def __init__(
        self, context: WorldContext, dates: Dates, settings: Settings, sources: Sources, house: Warehouse,
        registry: Registry, campaigns: Campaigns, shelf: Shelf, gauges: Gauges,
    ) -> None:  # fmt: skip
        self._context, self._dates, self._settings = context, dates, settings
        self.sources, self.house, self.registry, self.campaigns, self.shelf = sources, house, registry, campaigns, shelf
        self._read: dict[str, Any] = {}
        self.listed = Listed(*(np.zeros(0, np.int64),) * 2)
        self.gauges = gauges

    def catch_up(self) -> None:
        """Leaves what the jobs left in the last night before a run, of which nothing is told."""
        day = -1
        now_ns = self._dates.begins_ns(day) + LAST_NIGHT_NS
        until_s = day * float(DAY_S)
        self._read_customers(now_ns, -1)
        self.shelf.put(SNAPSHOT, self._read[SNAPSHOT], day, until_s)
        self.shelf.put(ORDERS, self.sources.orders(day - 1, now_ns), day, until_s)
        self.shelf.put(VISITS, self.sources.visits(day - 1, now_ns), day, until_s)
        survey = self.sources.population.surveyed(day)
        features = self.house.features(day, self.shelf.table(SNAPSHOT), self._rates(), survey)
        self.shelf.put(FEATURES, features, day, until_s)
        self._read_features(now_ns, -1)
        self._score_customers(now_ns, -1)
        self.shelf.put(SCORES, self._read[SCORES], day, until_s)
        self._list(self._named(), now_ns)
        self.shelf.put(LIST, self._named(), day, until_s)

    def _named(self) -> dict[str, Array]:
        """Scores with the names of segments that the publishing job's list has for classes."""
        scores = self.shelf.table(SCORES)
        names = SEGMENT_LISTS[int(self._settings.of("publish_segments", "segment_list")) - 1]
        numbers = np.array([SEGMENTS.index(name) for name in names])
        return {KEY: scores[KEY], SEGMENT: numbers[scores["class"]]}

    def _list(self, table: Table, now_ns: int) -> None:
        self.listed = Listed(table[KEY], table[SEGMENT])
        tool = self._settings.performer("publish_segments")
        self.gauges.note(now_ns, tool, "segment.published.rows", len(self.listed.customers))
        self.gauges.note_each(now_ns, tool, "segment.published.count", self.listed.segments)

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        """Does an operation; its status."""
        done: Callable[[int, int], int | None] = getattr(self, f"_{operation}")
        try:
            status = done(now_ns, request)
        except UnreadableError as error:
            job = self._settings.caller(operation)
            self._context.log(now_ns, job, "ERROR", "feature_contract_violation", request, error.column, f"{error}")
            return ERROR
        return OK if status is None else status

    # extract

    def _source_day(self, now_ns: int) -> int:
        """The day that ended last, by UTC or by local time."""
        is_local = self._settings.of("write_extract", "local_day") == 1
        return (self._dates.local_day(now_ns) if is_local else self._dates.day(now_ns)) - 1

    def _read_customers(self, now_ns: int, request: int) -> None:
        self._read[SNAPSHOT] = self.sources.customers()

    def _read_orders(self, now_ns: int, request: int) -> None:
        self._read["source_day"] = day = self._source_day(now_ns)
        self._read[ORDERS] = self.sources.orders(day, now_ns)

    def _read_visits(self, now_ns: int, request: int) -> None:
        self._read[VISITS] = self.sources.visits(self._source_day(now_ns), now_ns)

    def _write_extract(self, now_ns: int, request: int) -> None:
        day, of_day = self._dates.day(now_ns), self._read["source_day"]
        until_s = (of_day + 1) * float(DAY_S)
        for dataset, at_s in ((SNAPSHOT, self._s(now_ns)), (ORDERS, until_s), (VISITS, until_s)):
            rows, is_whole = self._read[dataset], dataset == SNAPSHOT
            self.shelf.write("write_extract", dataset, rows, (), at_s, now_ns, request, is_whole=is_whole)
        self.house.load(day, self.shelf.table(ORDERS), self.shelf.table(VISITS), of_day)

    def backfill(self, now_ns: int) -> None:
        """Extracts the days before once more that the sources still have: each once, as it is there now."""
        days = [day for day in sorted(self.house.partitions) if self.sources.has(day - 1)]
        for day in days:
            of_day = day - 1
            self.house.load(day, self.sources.orders(of_day, now_ns), self.sources.visits(of_day, now_ns), of_day)
        job = self._settings.caller("write_extract")
        self._context.announce(now_ns, job, "backfill", f"Past runs of {job} done once more")

    # features

    def _read_extract(self, now_ns: int, request: int) -> None:
        self._read["inputs"] = [(name, self.shelf.version(name)) for name in (SNAPSHOT, ORDERS, VISITS)]

    def _write_features(self, now_ns: int, request: int) -> None:
        day = self._dates.day(now_ns)
        survey = self.sources.population.surveyed(day)
        table = self.house.features(day, self.shelf.table(SNAPSHOT), self._rates(), survey)
        inputs, at_s = self._read["inputs"], self.shelf.partition_s(ORDERS)
        self.shelf.write("write_features", FEATURES, table, inputs, at_s, now_ns, request)
        self._note_order_values(now_ns)

    def _note_order_values(self, now_ns: int) -> None:
        """What an order is worth by country, as the features that are there have it; 0 where nobody ordered."""
        table = self.shelf.table(FEATURES)
        of = np.where(table[COUNTRY] >= 0, table[COUNTRY], len(COUNTRIES))
        orders, spend = (
            np.bincount(of, filled(table[name]), len(COUNTRIES) + 1) for name in ("orders_28d", "spend_28d_eur")
        )
        job = self._settings.caller("write_features")
        for country, value in zip(COUNTRIES, spend / np.maximum(orders, 1), strict=False):
            self.gauges.note(now_ns, job, "feature.order.value", value, country.lower())

    def _rates(self) -> Array:
        """Euros of a unit of each country's money, as the job's settings have them."""
        known = [self._settings.of("write_features", f"rate_{country.lower()}") for country in RATED]
        rates = dict(zip(RATED, known, strict=True))
        return np.array([*(rates.get(country, 1.0) for country in COUNTRIES), 1.0])

    # score, validate, publish

    def _read_features(self, now_ns: int, request: int) -> None:
        self._read["features"] = self.shelf.table(FEATURES)
        self._read["features_version"] = [(FEATURES, self.shelf.version(FEATURES))]

    def _score_customers(self, now_ns: int, request: int) -> int:
        if not self.registry.is_loaded:
            return UNAVAILABLE
        features: Table = self._read["features"]
        classes, confidence = self.registry.score(features)
        self._read[SCORES] = {KEY: features[KEY], "class": classes, "confidence": confidence}
        meant = self.registry.segments(classes)
        self.gauges.note_each(now_ns, self.registry.component, "segment.scored.count", meant)
        return OK

    def _write_scores(self, now_ns: int, request: int) -> None:
        inputs, at_s = self._read["features_version"], self.shelf.partition_s(FEATURES)
        self.shelf.write("write_scores", SCORES, self._read[SCORES], inputs, at_s, now_ns, request)

    def _check_scores(self, now_ns: int, request: int) -> int:
        """The rules that somebody thought of: enough rows, hardly any nulls, every class."""
        scores, country = self.shelf.table(SCORES), self.shelf.table(FEATURES)[COUNTRY]
        enough = rows_count(scores) >= FEWEST_KEPT * np.count_nonzero(np.bincount(self.listed.customers))
        nulls = np.count_nonzero(country == NO_KEY) <= MOST_NULLS * len(country)
        every = np.bincount(scores["class"], minlength=len(SEGMENTS)).all()
        return OK if enough and nulls and every else ERROR

    def _publish_segments(self, now_ns: int, request: int) -> None:
        inputs, at_s = [(SCORES, self.shelf.version(SCORES))], self.shelf.partition_s(SCORES)
        self.shelf.write("publish_segments", LIST, self._named(), inputs, at_s, now_ns, request)
        self._list(self.shelf.table(LIST), now_ns)

    # send, train

    def _send_campaigns(self, now_ns: int, request: int) -> None:
        day, people = self._dates.day(now_ns), self.sources.population
        people.advance(day, self._context.streams)
        self.campaigns.max_recency_days = self._settings.of("send_campaigns", "max_recency_days")
        self.campaigns.send(self.listed, day - self.house.last_order, people, day, self.sources.lively, now_ns, request)

    def _train_model(self, now_ns: int, request: int) -> None:
        self.train(now_ns, is_gated=True)

    def train(self, now_ns: int, *, is_gated: bool) -> None:
        """Trains the next version on the features that are there, and serves it if nothing keeps it back."""
        version = self.shelf.version(FEATURES)
        self.registry.train(
            self.shelf.table(FEATURES), [{"dataset": FEATURES, "version": version}], now_ns, is_gated=is_gated
        )

    def _s(self, now_ns: int) -> float:
        return (now_ns - self._dates.begins_ns(0)) / NS

    def branch(self, context: WorldContext, settings: Settings) -> Nightly:
        """One that goes on for itself."""
        other = copy.copy(self)
        other._context, other._settings = context, settings
        other._read, other.gauges = dict(self._read), self.gauges.copy()
        other.sources, other.house, other.campaigns = self.sources.copy(), self.house.copy(), self.campaigns.copy()
        other.registry = self.registry.copy(context, other.gauges)
        other.shelf = self.shelf.branch(context, settings)
        return other
