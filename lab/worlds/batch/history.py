"""The weeks before a scenario: how customers lived, what the warehouse knows of it, two versions of the model, and the
campaigns that people still respond to. Kept by content, for it is the same for every run of a world's seed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.batch import behaviour, campaigns, features, population, softmax, training, warehouse
from lab.worlds.batch.behaviour import Day, live
from lab.worlds.batch.campaigns import Campaigns, Listed, Sent
from lab.worlds.batch.features import inputs_of
from lab.worlds.batch.population import HISTORY_DAYS, Population
from lab.worlds.batch.tables import chosen
from lab.worlds.batch.training import TEST_ROWS, Test, names_of, train
from lab.worlds.batch.vocabulary import COUNTRY, KEY, UNITS_PER_EUR, USUAL
from lab.worlds.batch.warehouse import SUMMED, Warehouse
from lab.worlds.kit.kept_models import KeptModels, Trained

Array = npt.NDArray[Any]

DAYS = 7
"""The weekdays: histories of a seed differ by the day of the week on which a scenario begins."""
TRAINED_DAYS = (-22, -15)
"""On which the first versions were trained."""
CAMPAIGN_DAYS = 21
"""So many days back there were campaigns to which people may still respond, or that are not counted yet."""
SOURCE_DAYS = 3
NEVER = -HISTORY_DAYS - 30
"""The day of the last order of those who did not order in the history."""


@dataclass(frozen=True)
class History:
    """What a run begins with: types (customers,) at the end of day -1; days of the sources; the warehouse's partitions
    (days, 4, customers) and last orders; the registry's entries and the test set; campaigns of the last days,
    whose times are not set."""

    types: Array
    days: Array
    partitions: Array
    last_order: Array
    versions: list[dict[str, Any]]
    test: Test
    sent: dict[int, Sent]


def lived(seed: int, customers: int, first_weekday: int) -> History:
    """The history of a world's seed; the arrays are shared, so nobody writes into them."""
    return _KEPT.get(seed, customers * DAYS + first_weekday, {}, lambda: _live(seed, customers, first_weekday))


def _live(seed: int, customers: int, first_weekday: int) -> Trained:
    streams = Streams(seed)
    people = Population(seed, customers)
    house = Warehouse({}, np.full(people.room, NEVER))
    tool = Campaigns(streams, {})
    rates = np.array([1 / units for units in (*UNITS_PER_EUR, 1.0)])
    test: Test | None = None
    versions: list[dict[str, Any]] = []
    days: list[Day] = []
    for day in range(-HISTORY_DAYS, 0):
        people.advance(day, streams)
        days = [*days[1 - SOURCE_DAYS :], live(people, day, (first_weekday + day) % DAYS, 1.0, streams)]
        house.load(day + 1, _orders(days[-1]), _visits(days[-1]), day)
        if day + 1 < min(TRAINED_DAYS):
            continue
        table = house.features(day + 1, _all(people, day + 1), rates, people.surveyed(day))
        if test is None:
            test = _test_set(table, people)
        if day + 1 in TRAINED_DAYS:
            versions.append(train(table, USUAL, test, ()))
        if day + 1 >= -CAMPAIGN_DAYS and day + 1 < 0:
            shares = softmax.probabilities(versions[-1], inputs_of(table))
            named = names_of(versions[-1])[shares.argmax(axis=0)]
            people.advance(day + 1, streams)
            tool.send(Listed(table[KEY], named), day + 1 - house.last_order, people, day + 1, 1.0)
    assert test is not None
    sent = {f"sent_{name}": np.stack([getattr(one, name) for one in tool.sent.values()]) for name in Sent._fields[2:]}
    arrays = {
        "types": people.types[:customers],
        "days": np.stack([np.stack(one) for one in days]).astype(np.float32),
        "partitions": np.stack(list(house.partitions.values()))[:, :, :customers],
        "last_order": house.last_order[:customers],
        "test_inputs": test.inputs,
        "test_types": test.types,
        **sent,
    }
    return Trained({"versions": versions}, arrays)


def _all(people: Population, day: int) -> dict[str, Array]:
    here = np.flatnonzero(people.since_day[: people.count] < day)
    since = day - people.since_day[here].astype(np.int64)
    return {KEY: here, COUNTRY: people.country[here].astype(np.int64), "since_days": since}


def _orders(day: Day) -> dict[str, Array]:
    at = np.flatnonzero(day.orders)
    return {KEY: at} | {name: getattr(day, name)[at] for name in SUMMED[:3]}


def _visits(day: Day) -> dict[str, Array]:
    at = np.flatnonzero(day.visits)
    return {KEY: at, "visits": day.visits[at]}


def _test_set(table: dict[str, Array], people: Population) -> Test:
    surveyed = np.flatnonzero(table["survey_segment"] > 0)[:TEST_ROWS]
    rows = chosen(table, surveyed)
    return Test(inputs_of(rows), people.types[rows[KEY]].astype(np.int64))


def _opened(kept: Trained) -> History:
    arrays = kept.arrays
    by_day = zip(*(arrays[f"sent_{name}"] for name in Sent._fields[2:]), strict=True)
    sent = {day: Sent(0, -1, *parts) for day, parts in zip(range(-CAMPAIGN_DAYS, 0), by_day, strict=True)}
    test = Test(arrays["test_inputs"], arrays["test_types"])
    return History(
        arrays["types"], arrays["days"], arrays["partitions"], arrays["last_order"], kept.facts["versions"], test, sent
    )


_KEPT = KeptModels(
    (sys.modules[__name__], behaviour, campaigns, features, population, softmax, training, warehouse), _opened
)
