"""The kernel that makes pages, held to the functions that say what it does; compiled and interpreted are one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clock import NS
from lab.compiled import Kernel, interpreted
from lab.injection.levers import PopulationTastes
from lab.streams import Streams
from lab.worlds.shop import page_tables as at
from lab.worlds.shop.behaviour import PAGE, POSITION_BIAS, click_probability, true_interest
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.fallbacks import popular_scores, unfiltered_positions
from lab.worlds.shop.features import INDEX, impute, model_inputs
from lab.worlds.shop.kernel import make_pages
from lab.worlds.shop.missions import Missions
from lab.worlds.shop.rules import Candidate, Thresholds, apply_rules
from lab.worlds.shop.showing import USUAL_THRESHOLDS, Answers, Pages, Showing
from lab.worlds.shop.training import train
from lab.worlds.shop.visits import Visits, are_inputs_logged, candidate_draws, click_draws
from tests.planes import checked
from tests.shop_plane import OpenStream

SEED, COUNT = 11, 400
CATALOG = make_catalog(SEED)
STREAM = OpenStream("load", 1, 0xF234_5678_9ABC_DEF1)


@pytest.fixture(scope="module")
def versions() -> Any:
    return [train(CATALOG, SEED, window, {}) for window in (1, 2)]


@pytest.fixture(scope="module")
def seen() -> Any:
    """Rows of two epochs, with nulls, and with values far outside of what was learnt."""
    rng = np.random.default_rng(2)
    rows = np.stack([CATALOG.profile, CATALOG.profile * rng.lognormal(0, 1, CATALOG.profile.shape)])
    rows[0][rng.random(rows[0].shape) < 0.1] = np.nan
    rows[1][:200] *= 1000.0
    rows[1][200:220] *= -1.0
    return rows


def answers(kind: slice = slice(None), clicks: bool = True) -> Answers:
    rng = np.random.default_rng(1)
    numbers = np.arange(5000, 5000 + COUNT)
    row = np.where(rng.random(COUNT) < 0.1, -1, rng.integers(0, 2 * CATALOG.users_count, COUNT))
    came_ns = np.sort(rng.integers(0, 400 * NS, COUNT))
    columns = (
        numbers, numbers, came_ns, came_ns + 20, row, rng.integers(0, 3, COUNT), rng.integers(0, 2, COUNT)
    )  # fmt: skip
    return Answers(OpenStream("load", 1, STREAM.key, clicks), *(column[kind] for column in columns))


def showing() -> tuple[Showing, Missions]:
    return Showing(CATALOG, Streams(3), 60 * NS), Missions(CATALOG, Streams(3), -1000.0)


def made(of: Answers, seen: Any, versions: Any) -> Pages:
    shop, missions = showing()
    [pages] = shop.pages(of, seen, versions, missions)
    return pages


def test_what_is_shown_is_what_the_readable_functions_say(seen: Any, versions: Any) -> None:
    of = answers()
    pages = made(of, seen, versions)
    candidates = Candidates(CATALOG, Streams(3), 60 * NS).of(candidate_draws(STREAM.key, of.numbers), of.came_ns)
    vectors = np.where(of.row[:, None] >= 0, seen.reshape(-1, seen.shape[-1])[of.row], np.nan)
    inputs = model_inputs(impute(vectors), CATALOG.items, candidates)
    for a in range(COUNT):
        version = int(of.version[a])
        score = versions[version - 1].score(inputs[a]) if version else popular_scores(CATALOG.popularity, candidates[a])
        if of.ruled[a]:
            places = ruled(impute(vectors)[a, INDEX["age_years"]], candidates[a], score)
        else:
            places = unfiltered_positions(candidates[a], score).tolist()
        assert pages.item[a].tolist() == candidates[a][places].tolist()
        expected = score[places] if version else np.full(PAGE, np.nan)
        assert np.array_equal(pages.score[a], expected, equal_nan=True)
        is_logged = are_inputs_logged(STREAM.key, of.numbers)[a]
        assert (
            np.allclose(pages.inputs[a], inputs[a][places], rtol=1e-6) if is_logged else np.isnan(pages.inputs[a]).all()
        )


def test_inputs_are_logged_of_one_request_in_four_and_no_count_shows() -> None:
    logged = are_inputs_logged(STREAM.key, np.arange(20_000))
    assert abs(logged.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 20_000)
    for every in range(1, 9):  # whether one is logged tells nothing of those some places later
        assert abs(logged[every:][logged[:-every]].mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 5000)


def ruled(
    age: float, offered: Any, score: Any, of: Any = CATALOG.items, thresholds: Thresholds = USUAL_THRESHOLDS
) -> list[int]:
    """Places of the items shown, by the rules one by one."""
    items = [
        Candidate(
            int(item), float(score[i]), int(of["category"][item]), int(of["stock_count"][item]),
            int(of["min_age_years"][item]), float(of["margin_ratio"][item]),
        )
        for i, item in enumerate(offered)
    ]  # fmt: skip
    shown, _ = apply_rules(age, items, PAGE, thresholds)
    places = [offered.tolist().index(item) for item in shown]
    return places + [0] * (PAGE - len(places))  # nothing may be shown to one of an age below 0


@given(
    seed=st.integers(0, 2**32 - 1),
    categories=st.integers(1, 6),
    min_stock=st.integers(0, 3),
    margin_weight=st.sampled_from([0.0, 0.02, -0.3, 50.0]),
    max_per_category=st.integers(1, 4),
)
@settings(max_examples=25)
def test_rules_are_the_reference_s_whatever_the_thresholds(
    seen: Any, *, seed: int, categories: int, **thresholds: Any
) -> None:
    rng, of, rules = np.random.default_rng(seed), answers(slice(0, 40)), Thresholds(**thresholds)
    count = len(CATALOG.popularity)
    items = CATALOG.items | {
        "category": rng.integers(0, categories, count), "stock_count": rng.integers(0, 4, count),
        "min_age_years": rng.choice([0, 0, 16, 18], count), "margin_ratio": rng.uniform(-0.2, 0.6, count).round(2),
    }  # fmt: skip
    catalog = replace(CATALOG, items=items, popularity=rng.integers(1, 6, count) / 10)  # many ties
    nobody, seen = np.zeros(40, np.int64), seen.copy()
    seen[0, :, INDEX["age_years"]] = rng.choice([15.0, 17.5, 18.0, 40.0], CATALOG.users_count)
    of = of._replace(version=nobody, ruled=nobody + 1, row=of.row % CATALOG.users_count)
    _, missions = showing()
    [pages] = Showing(catalog, Streams(3), 60 * NS, rules).pages(of, seen, [], missions)
    candidates = Candidates(catalog, Streams(3), 60 * NS).of(candidate_draws(STREAM.key, of.numbers), of.came_ns)
    for a, offered in enumerate(candidates):
        age = float(seen[0, of.row[a], INDEX["age_years"]])
        places = ruled(age, offered, popular_scores(catalog.popularity, offered), items, rules)
        assert pages.item[a].tolist() == offered[places].tolist()


@pytest.mark.parametrize("start_s", [-1000.0, -2300.0, 500.0])
def test_who_comes_and_what_for_is_what_visits_and_missions_say(seen: Any, start_s: float) -> None:
    """Over two blocks of missions and before the first; while some have turned to other categories, too."""
    of, shop, missions = answers(), showing()[0], Missions(CATALOG, Streams(3), start_s)
    users, times_s = Visits(CATALOG).users(STREAM.key, of.numbers), (of.came_ns - 60 * NS) / NS
    assert len(np.unique(missions.blocks(times_s)[0])) == 1 + (start_s < 0)
    for tastes in (None, PopulationTastes(fraction=0.5), None):
        missions.change(tastes, Streams(4))
        shop.pages(of._replace(version=of.version * 0), seen, [], missions)
        assert np.array_equal(shop._tables.answer[:COUNT, at.W_USER], users)
        assert np.array_equal(shop._tables.answer[:COUNT, at.W_MISSION], missions.at(users, times_s))


def test_people_click_as_the_true_click_function_says(seen: Any, versions: Any) -> None:
    of = answers()
    pages = made(of, seen, versions)
    _, missions = showing()
    assert np.array_equal(pages.user, Visits(CATALOG).users(STREAM.key, of.numbers))
    interest = true_interest(CATALOG, missions, pages.user, (of.came_ns - 60 * NS) / NS)
    chance = click_probability(CATALOG, pages.user, interest, pages.item) * POSITION_BIAS
    draws, delay_s = click_draws(STREAM.key, of.numbers)
    assert np.array_equal(pages.clicked, (draws < chance) & (delay_s < 30))
    expected_s = np.where(pages.clicked, delay_s, np.nan)
    assert np.allclose(pages.delay_s, expected_s, rtol=1e-14, equal_nan=True)
    assert 0.04 < pages.clicked.mean() < 0.2
    assert not made(answers(clicks=False), seen, versions).clicked.any()


@pytest.mark.parametrize("way", [interpreted, checked])
def test_compiled_and_interpreted_are_the_same(seen: Any, versions: Any, way: Callable[[Any], Kernel]) -> None:
    """Also where every index is looked at: none counts from the end, which a compiled kernel would not do."""
    of = answers(slice(0, 60))
    one = made(of, seen, versions)
    shop, missions = showing()
    shop._kernel = way(make_pages)
    [other] = shop.pages(of, seen, versions, missions)
    for name, column, others in zip(Pages._fields, one, other, strict=True):
        assert column.tobytes() == others.tobytes(), name


def test_blocks_of_any_size_make_the_same_pages(seen: Any, versions: Any) -> None:
    whole = made(answers(), seen, versions)
    shop, missions = showing()
    cuts = [0, 1, 150, 151, COUNT]
    parts = [shop.pages(answers(slice(*ends)), seen, versions, missions)[0] for ends in pairwise(cuts)]
    for name, column, pieces in zip(Pages._fields, whole, zip(*parts, strict=True), strict=True):
        assert column.tobytes() == np.concatenate(pieces).tobytes(), name


def test_a_page_of_which_too_little_may_be_shown_is_filled_up(seen: Any, versions: Any) -> None:
    of = answers(slice(0, 50))
    shop, missions = showing()
    shop._tables.rule[0] = 10**6  # no item has so many pieces
    [pages] = shop.pages(of._replace(ruled=np.ones(50, np.int64)), seen, versions, missions)
    candidates = Candidates(CATALOG, Streams(3), 60 * NS).of(candidate_draws(STREAM.key, of.numbers), of.came_ns)
    assert np.array_equal(pages.item, np.repeat(candidates[:, :1], PAGE, axis=1))


def test_tables_are_as_wide_as_the_kernel_takes_them(seen: Any, versions: Any) -> None:
    shop, missions = showing()
    shop.pages(answers(), seen, versions, missions)
    for name, table in shop._tables._asdict().items():
        kind = {"i": np.int64, "f": np.float64}[at.KINDS[name][0]]
        assert (table.dtype, table.flags.c_contiguous) == (kind, True)
        assert at.KINDS[name][1:] == (str(table.shape[1]) if table.ndim == 2 else ""), name
