"""What clicks hang on: not on the load, but on fresh features, a good model, answers that are no defaults, rules.

Expected clicks, by the true click function, of pages as the simulator makes them: little is left to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lab.clock import NS
from lab.draws import stream_key
from lab.streams import Streams
from lab.worlds.shop.behaviour import CLICK_WEIGHT, POSITION_BIAS, click_probability, true_interest
from lab.worlds.shop.browsing import Browsing
from lab.worlds.shop.catalog import Catalog, make_catalog
from lab.worlds.shop.features import DEFAULTS, INDEX, INTEREST
from lab.worlds.shop.missions import Missions
from lab.worlds.shop.showing import Answers, Pages, Showing
from lab.worlds.shop.training import Model, train
from lab.worlds.shop.visits import Visits
from tests.shop_plane import OpenStream

Array = npt.NDArray[Any]
SEED = 11
FEED_S = 10.0
FIRST_S = -300.0
STALE_S = (60.0, 200.0)
ASKED = 600
"""Requests in each run of the feed that clicks are expected of."""
POPULAR = 0
"""The version of what no model has scored."""


@cache
def shop() -> Catalog:
    return make_catalog(SEED)


@cache
def model(corrupted: float = 0.0, window: int = 1) -> Model:
    return train(shop(), SEED, window, {"training": "corrupted-labels", "corrupted": corrupted} if corrupted else {})


@dataclass(frozen=True)
class Way:
    """How pages come about: from features of which age (None: defaults), scored by which version, with rules or not."""

    age_s: float | None = 0.0
    version: int = 1
    is_ruled: bool = True
    is_rescaled: bool = False


class Street:
    """Shoppers who ask for recommendations at a rate, and click; the feed takes note of it."""

    def __init__(self, rate_per_s: float, versions: Sequence[Model], seed: int = 3) -> None:
        streams = Streams(seed)
        self.rate_per_s, self.versions = rate_per_s, list(versions)
        self.missions = Missions(shop(), streams, FIRST_S)
        self.browsing = Browsing(shop(), self.missions, streams, FIRST_S)
        self.browsing.count_until(0.0)
        self.showing = Showing(shop(), streams, 0)
        self.stream = OpenStream("load", 2, stream_key(streams, "load"))
        self.rng = np.random.default_rng(seed)
        self.came = 0

    def expect(self, until_s: float, ways: Sequence[Way], from_s: float = 0.0) -> Array:
        """Expected clicks per item shown of each way; what the feed learns of are the clicks of the first."""
        kept: list[Array] = []
        sums, count = np.zeros(len(ways)), 0
        for now_s in np.arange(0.0, until_s, FEED_S).tolist():
            kept.append(shop().profile.copy())
            self.browsing.aggregate.write(kept[-1])
            chances = [self._chances(now_s, self._vectors(kept, way), way) for way in ways]
            if now_s >= from_s:
                sums, count = sums + [chance.mean() for _, chance in chances], count + 1
            self._feed(now_s, *chances[0])
            self.came += ASKED
        return np.asarray(sums / count)

    def _vectors(self, kept: list[Array], way: Way) -> Array:
        """(users, features) as served."""
        if way.age_s is None:
            return np.tile(DEFAULTS, (shop().users_count, 1))
        vectors = kept[max(0, len(kept) - 1 - round(way.age_s / FEED_S))].copy()
        if way.is_rescaled:
            vectors[:, INDEX["avg_order_value_eur"]] *= 100
        return vectors

    def _chances(self, now_s: float, seen: Array, way: Way) -> tuple[Pages, Array]:
        """Pages, and the chance of a click on each of their places."""
        numbers, made = np.arange(self.came, self.came + ASKED), np.ones(ASKED, np.int64)
        times_ns = np.rint((now_s + FEED_S * np.arange(ASKED) / ASKED) * NS).astype(np.int64)
        rows = Visits(shop()).users(self.stream.key, numbers)
        answers = Answers(
            self.stream, numbers, numbers, times_ns, times_ns, rows, way.version * made, way.is_ruled * made
        )
        [pages] = self.showing.pages(answers, seen[None], self.versions, self.missions)
        interest = true_interest(shop(), self.missions, pages.user, times_ns / NS)
        return pages, click_probability(shop(), pages.user, interest, pages.item) * POSITION_BIAS

    def _feed(self, now_s: float, pages: Pages, chance: Array) -> None:
        """The feed counts what was browsed, and the clicks of as many requests as come at the rate."""
        count = round(self.rate_per_s * FEED_S)
        which = self.rng.integers(0, ASKED, count)
        row, place = np.nonzero(self.rng.random((count, len(POSITION_BIAS))) < chance[which])
        items, users = pages.item[which[row], place], pages.user[which[row]]
        self.browsing.count_until(now_s + FEED_S)
        category, price = shop().items["category"][items], np.log(shop().items["price_eur"][items])
        self.browsing.aggregate.add(users, category, price, np.full(len(users), FEED_S / 2), CLICK_WEIGHT)


@pytest.fixture(scope="module")
def losses() -> dict[str, float]:
    """The share of the clicks that each way to fail costs."""
    bad = [model(corrupted) for corrupted in (0.45, 0.5, 0.55)]
    ways = {
        "usual": Way(), "another window": Way(version=5),
        "labels 45%": Way(version=2), "labels 50%": Way(version=3), "labels 55%": Way(version=4),
        "stale a minute": Way(age_s=STALE_S[0]), "stale for long": Way(age_s=STALE_S[1]),
        "default features": Way(age_s=None), "popular items": Way(version=POPULAR), "no rules": Way(is_ruled=False),
        "rescaled": Way(is_rescaled=True),
    }  # fmt: skip
    street = Street(50.0, [model(), *bad, model(window=2)])
    clicks = dict(zip(ways, street.expect(500.0, list(ways.values()), from_s=STALE_S[1]), strict=True))
    return {name: 1 - value / clicks["usual"] for name, value in clicks.items()}


def test_about_every_tenth_item_is_clicked_whatever_the_load() -> None:
    rates = (5.0, 40.0, 200.0)
    usual = [Street(rate, [model()]).expect(500.0, [Way()], from_s=100.0)[0] for rate in rates]
    assert usual[1] == pytest.approx(0.1, abs=0.01)
    assert max(usual) / min(usual) < 1.03


def test_a_model_whose_labels_were_half_destroyed_costs_clicks(losses: dict[str, float]) -> None:
    assert 0.10 < losses["labels 50%"] < 0.40
    assert losses["labels 45%"] < losses["labels 50%"] < losses["labels 55%"]
    assert abs(losses["another window"]) < 0.02


def test_stale_features_cost_clicks(losses: dict[str, float]) -> None:
    assert 0.05 < losses["stale a minute"] < losses["stale for long"] < 0.40
    assert losses["stale for long"] > 0.15


def test_default_answers_cost_clicks(losses: dict[str, float]) -> None:
    assert 0.20 < losses["default features"] < 0.40
    assert 0.30 < losses["popular items"] < 0.50


def test_rules_matter(losses: dict[str, float]) -> None:
    assert 0.10 < losses["no rules"] < 0.40


def test_a_column_in_another_unit_costs_clicks(losses: dict[str, float]) -> None:
    assert 0.10 < losses["rescaled"] < 0.40


def test_what_is_sold_out_is_never_clicked_and_the_popular_sells_out_more_often() -> None:
    catalog = shop()
    sold_out = catalog.items["stock_count"] == 0
    assert 0.1 < sold_out.mean() < 0.25
    assert catalog.popularity[sold_out].mean() > 1.2 * catalog.popularity.mean()
    users = np.arange(len(sold_out))
    interest = np.full((len(users), INTEREST.stop - INTEREST.start), 1 / 6)
    chance = click_probability(catalog, users, interest, users[:, None])[:, 0]
    assert ((chance == 0) == sold_out).all()
