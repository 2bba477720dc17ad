"""Parts of nightly segments by themselves: customers, the warehouse, the model, campaigns, days."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from lab.clock import NS
from lab.streams import Streams
from lab.systems.files import load_system
from lab.worlds.batch import softmax
from lab.worlds.batch.behaviour import live
from lab.worlds.batch.campaigns import COST_EUR, Campaigns, Listed
from lab.worlds.batch.dates import DAY_NS, Dates
from lab.worlds.batch.features import NUMBERS, features_of, inputs_of
from lab.worlds.batch.gauges import Gauges
from lab.worlds.batch.history import lived
from lab.worlds.batch.population import HISTORY_DAYS, NEW_DAYS, Population
from lab.worlds.batch.vocabulary import COUNTRIES, NEW, SEGMENTS, UNITS_PER_EUR, WINDOW_DAYS
from lab.worlds.batch.warehouse import SUMMED, Warehouse

SEED, CUSTOMERS = 5, 3000
SYSTEM = load_system("segmentation")


def population(until: int = -1) -> Population:
    people = Population(SEED, CUSTOMERS)
    people.advance(min(until, -1), Streams(SEED))
    people.advance(until, Streams(1))
    return people


def test_what_is_put_back_as_a_run_ends_changes_nothing_of_what_was_so_until_then() -> None:
    gauges = Gauges()
    gauges.note(0, "segmenter", "model.version", 3)
    gauges.note(DAY_NS + 1, "segmenter", "model.version", 4)
    gauges.note(3 * DAY_NS, "segmenter", "model.version", 3)
    ((_, _, _, values),) = gauges.at_ends(np.arange(4) * DAY_NS)
    assert values.tolist() == [3, 4, 4]


def test_customers_are_what_they_are_whatever_the_run() -> None:
    one, other = population(), population()
    other.growth = 5.0
    one.advance(20, Streams(1))
    other.advance(20, Streams(1))
    assert other.count > one.count
    assert np.array_equal(one.types[:CUSTOMERS], other.types[:CUSTOMERS])
    assert np.array_equal(one.country, other.country)


def test_who_signed_up_is_new_for_six_weeks() -> None:
    people = population(10)
    here = people.since_day[: people.count] <= people.day
    age = people.day - people.since_day[: people.count]
    is_new = people.types[: people.count] == NEW
    assert is_new[here & (age < NEW_DAYS)].mean() > 0.8, "some lapse"
    assert not is_new[here & (age > NEW_DAYS)].any()


def test_a_market_that_opens_brings_a_share_within_a_fortnight_and_few_later() -> None:
    people = population()
    people.open_market(COUNTRIES.index("HU"), 0.1)
    people.advance(13, Streams(1))
    there = (people.country[: people.count] == COUNTRIES.index("HU")).sum()
    assert there == pytest.approx(0.1 * CUSTOMERS, rel=0.15)
    people.advance(20, Streams(1))
    assert (people.country[: people.count] == COUNTRIES.index("HU")).sum() < 1.05 * there
    people.close_market(COUNTRIES.index("HU"))
    count = (people.country[: people.count] == COUNTRIES.index("HU")).sum()
    people.advance(25, Streams(1))
    assert (people.country[: people.count] == COUNTRIES.index("HU")).sum() == count


def test_money_is_that_of_the_country() -> None:
    people = population()
    poland = people.country[: people.count] == COUNTRIES.index("PL")
    days = [live(people, day, 4, 1.0, Streams(1)) for day in range(-30, 0)]
    spent = {
        name: np.concatenate([day.amount[of & (day.orders > 0)] for day in days]).mean()
        for name, of in (("PL", poland), ("rest", ~poland))
    }
    assert spent["PL"] / spent["rest"] == pytest.approx(UNITS_PER_EUR[COUNTRIES.index("PL")], rel=0.1)


@pytest.mark.parametrize("lively", [0.5, 2.0])
def test_people_order_and_visit_as_lively_as_the_day_is(lively: float) -> None:
    people = population()
    usual, other = (live(people, -1, 2, factor, Streams(1)) for factor in (1.0, lively))
    assert other.orders.sum() / usual.orders.sum() == pytest.approx(lively, rel=0.12)


def test_sums_of_partitions_are_those_of_four_weeks() -> None:
    """They are made by adding what came and taking away what went."""
    rng = np.random.default_rng(1)
    house = Warehouse({}, np.full(50, -100))
    for day in (*range(40), 38, 39):  # two of them once more, as after a retry
        bought = {"customer_id": np.arange(0, 50, 2)} | {name: rng.integers(1, 9, 25) for name in SUMMED[:3]}
        house.load(day, bought, {"customer_id": np.arange(50), "visits": rng.integers(0, 9, 50)}, day)
        if day > 20:
            expected = sum(of for one, of in house.partitions.items() if day - WINDOW_DAYS < one <= day)
            assert house._sums(day) == pytest.approx(expected)
    assert len(house.partitions) == WINDOW_DAYS


def test_features_are_of_the_customers_whose_keys_join() -> None:
    house = Warehouse({}, np.full(4, -3))
    nothing = {"customer_id": np.zeros(0, np.int64)} | {name: np.zeros(0) for name in SUMMED}
    house.load(1, nothing, nothing, 0)
    customers = {
        "customer_id": np.array([0, -1, 2]), "country": np.array([0, 1, 2]), "since_days": np.array([5, 6, 7]),
    }  # fmt: skip
    found = house.features(1, customers, np.ones(len(COUNTRIES) + 1), np.zeros(4, np.int64))
    assert found["customer_id"].tolist() == [0, 2]
    assert found["recency_days"].tolist() == [4, 4]
    assert found["tenure_days"].tolist() == [5, 7]


def test_the_model_is_the_one_that_scikit_learn_would_fit() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    classes = rng.integers(0, 3, 900)
    inputs = rng.normal(size=(4, 900)) * np.array([1.0, 5.0, 0.2, 3.0])[:, None] + classes
    entry = softmax.fitted(inputs, classes, 3)
    mean, scale = inputs.mean(axis=1), inputs.std(axis=1)
    standard = ((inputs - mean[:, None]) / scale[:, None]).T
    other = LogisticRegression(C=1 / (softmax.RIDGE * 900), tol=1e-8, max_iter=2000).fit(standard, classes)
    found = softmax.probabilities(entry, inputs).T
    assert found == pytest.approx(other.predict_proba(standard), abs=1e-3)


def test_a_kept_history_is_fit_to_begin_with() -> None:
    past = lived(SEED, CUSTOMERS, 0)
    assert len(past.versions) == 2
    assert all(entry["metrics"]["accuracy"] > 0.7 for entry in past.versions)
    assert past.partitions.shape == (WINDOW_DAYS, len(SUMMED), CUSTOMERS)
    assert set(past.sent) == set(range(-21, 0))
    assert HISTORY_DAYS > WINDOW_DAYS


def test_inputs_tell_the_survey_only_of_those_who_were_asked() -> None:
    sums, days = np.zeros((4, 3)), np.array([1, 2, 3])
    columns = features_of(sums, days, days, np.ones(3), np.array([0, 1, 5]))
    survey = inputs_of(columns)[-len(SEGMENTS) :]
    assert survey.T.tolist() == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert set(columns) == set(NUMBERS)


def test_who_is_on_the_list_twice_costs_twice_and_buys_once() -> None:
    people = population()
    once = Listed(np.arange(CUSTOMERS), people.types[:CUSTOMERS].astype(np.int64))
    twice = Listed(*(np.concatenate([column, column]) for column in once))
    found = []
    for listed in (once, twice):
        tool = Campaigns(Streams(1), {})
        tool.send(listed, np.zeros(people.room), people, 3, 1.0)
        found.append(tool.sent[3])
    assert found[1].cost_eur == pytest.approx(2 * found[0].cost_eur)
    assert np.array_equal(found[1].responses, found[0].responses)
    assert found[0].cost_eur.sum() == pytest.approx((found[0].contacts.sum(axis=1) * COST_EUR).sum())


def test_everybody_is_due_once_a_week() -> None:
    people = population()
    listed = Listed(np.arange(CUSTOMERS), np.zeros(CUSTOMERS, np.int64))
    tool = Campaigns(Streams(1), {})
    for day in range(7):
        tool.send(listed, np.zeros(people.room), people, day, 1.0)
    assert sum(one.contacts.sum() for one in tool.sent.values()) == CUSTOMERS


def test_customers_respond_most_to_the_campaign_that_is_meant_for_them() -> None:
    people = population()
    everybody = np.arange(CUSTOMERS)
    worth: dict[str, Any] = {}
    for name, segments in (("right", people.types[:CUSTOMERS]), ("wrong", (people.types[:CUSTOMERS] + 1) % 5)):
        tool = Campaigns(Streams(1), {})
        for day in range(7):
            tool.send(Listed(everybody, segments.astype(np.int64)), np.zeros(people.room), people, day, 1.0)
        worth[name] = sum(one.revenue_eur.sum() / one.cost_eur.sum() for one in tool.sent.values())
    assert worth["right"] > 1.8 * worth["wrong"]


def test_a_local_day_ends_at_three_and_is_an_hour_late_when_clocks_are_put_back() -> None:
    dates = Dates(SYSTEM, 0)
    one_oclock = [day * DAY_NS + 3600 * NS for day in (19, 20, 21)]
    assert [dates.day(at) for at in one_oclock] == [19, 20, 21]
    assert [dates.local_day(at) for at in one_oclock] == [19, 19, 20]
    assert [dates.weekday(day) for day in (0, 6, 20)] == [0, 6, 6]
    elsewhere = cast(Any, SimpleNamespace(calendar=SimpleNamespace(begins=dates._begins, zone="UTC")))
    assert Dates(elsewhere, 0).local_day(one_oclock[0]) == 18, "one o'clock is before three there"
