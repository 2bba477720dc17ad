"""From answered requests to pages shown and clicks: the tables of the kernel that makes them, and what it made."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.compiled import signed
from lab.content.protocol import Stream
from lab.streams import Streams
from lab.worlds.shop import page_tables as at
from lab.worlds.shop.behaviour import MISSION_SHARE, PAGE, POSITION_BIAS
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import DEFAULTS, INDEX, INPUT_NAMES
from lab.worlds.shop.kernel import load_pages
from lab.worlds.shop.missions import BLOCK_S, Missions
from lab.worlds.shop.page_tables import ANSWERS_MAX, PageTables
from lab.worlds.shop.registration import LABEL_WINDOW_S
from lab.worlds.shop.rules import Thresholds
from lab.worlds.shop.training import Model
from lab.worlds.shop.visits import LABEL_DELAY_MEAN_S, Visits, are_inputs_logged

Array = npt.NDArray[Any]

USUAL_THRESHOLDS = Thresholds()


class Answers(NamedTuple):
    """Answered requests of one stream: their numbers in it, over all streams, when they came and ended.

    row: of the features as served, counted over slots of epochs (-1: none). version that scored them (0: none). ruled:
    1 where rules applied.
    """

    stream: Stream
    numbers: Array
    requests: Array
    came_ns: Array
    shown_ns: Array
    row: Array
    version: Array
    ruled: Array


class Pages(NamedTuple):
    """Pages shown, one a request: items, scores (NaN where nothing scored them) and clicks by place (n, PAGE).

    delay_s: until the click, NaN without one. inputs: the model's (n, PAGE, inputs), NaN where they are not logged.
    """

    request: Array
    shown_ns: Array
    user: Array
    version: Array
    item: Array
    score: Array
    clicked: Array
    delay_s: Array
    inputs: Array


class Showing:
    """Makes pages of answers: what is on them and what is clicked follows from the request's draws."""

    def __init__(
        self, catalog: Catalog, streams: Streams, start_ns: int, thresholds: Thresholds = USUAL_THRESHOLDS
    ) -> None:
        self._start_ns = start_ns
        self._candidates = Candidates(catalog, streams, start_ns)
        self._kernel = load_pages()
        self._tables = _tables(catalog, thresholds)
        self._shown_for: tuple[tuple[int, int], tuple[int, int], int] | None = None

    def pages(self, answers: Answers, seen: Array, versions: list[Model], missions: Missions) -> list[Pages]:
        """The pages of answers, in their order; `seen` (slots, users, features) has their features."""
        minute = self._candidates.minutes(answers.came_ns)
        block, seconds = missions.blocks((answers.came_ns - self._start_ns) / NS)
        minutes, blocks = (int(minute.min()), int(minute.max())), (int(block.min()), int(block.max()))
        self._bring(minutes, blocks, seen, versions, missions)
        return [
            self._made(answers, minute - minutes[0], block - blocks[0], seconds, slice(first, first + ANSWERS_MAX))
            for first in range(0, len(minute), ANSWERS_MAX)
        ]

    def copy(self) -> Showing:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._candidates = self._candidates.copy()
        return copied

    def _bring(
        self, minutes: tuple[int, int], blocks: tuple[int, int], seen: Array, versions: list[Model], missions: Missions
    ) -> None:
        """Brings the tables up to date: popularity of these minutes, turns of these blocks, rows as served, models."""
        tables, shown_for = self._tables, (minutes, blocks, len(versions))
        if shown_for == self._shown_for and tables.seen_f.base is seen and tables.turned is missions.turned:
            return
        turns, models = missions.turns(*blocks), _models(versions)
        self._tables = tables._replace(
            turn_f=turns.keys,
            turn=turns.category,
            turn_first=turns.first,
            opening=turns.opening,
            turned=missions.turned,
            edge_f=np.concatenate([self._candidates.edges(minute) for minute in range(minutes[0], minutes[1] + 1)]),
            model_f=models,
            term_f=_item_terms(models, tables.item_f),
            seen_f=seen.reshape(-1, seen.shape[-1]),
        )
        self._shown_for = shown_for

    def _made(self, answers: Answers, minute: Array, block: Array, seconds: Array, part: slice) -> Pages:
        tables, stream = self._tables, answers.stream
        rows = tables.answer[: len(minute[part])]
        rows[:, at.W_STREAM] = signed(stream.key)
        rows[:, at.W_CLICKS] = stream.responds
        for word, column in (
            (at.W_NUMBER, answers.numbers), (at.W_ROW, answers.row), (at.W_MINUTE, minute), (at.W_BLOCK, block),
            (at.W_VERSION, answers.version), (at.W_RULED, answers.ruled),
        ):  # fmt: skip
            rows[:, word] = column[part]
        logged = np.flatnonzero(are_inputs_logged(stream.key, rows[:, at.W_NUMBER]))
        rows[:, at.W_LOGGED] = -1
        rows[logged, at.W_LOGGED] = np.arange(len(logged))
        tables.came_f[: len(rows)] = seconds[part]
        count, shape = len(rows), (len(rows), PAGE)
        self._kernel.call(tables, count)
        page, page_f = tables.page[: count * PAGE], tables.page_f[: count * PAGE]
        inputs = np.full((*shape, at.INPUTS), np.nan, np.float32)
        inputs[logged] = tables.input_f[: len(logged) * PAGE].reshape(-1, PAGE, at.INPUTS)
        return Pages(
            request=answers.requests[part],
            shown_ns=answers.shown_ns[part],
            user=rows[:, at.W_USER].copy(),
            version=rows[:, at.W_VERSION].copy(),
            item=page[:, 0].reshape(shape).copy(),
            score=page_f[:, 0].reshape(shape).copy(),
            clicked=page[:, 1].reshape(shape) > 0,
            delay_s=page_f[:, 1].reshape(shape).copy(),
            inputs=inputs,
        )


def _tables(catalog: Catalog, rules: Thresholds) -> PageTables:
    """The kernel's tables, with what never changes."""
    assert catalog.strata.shape == (at.OFFERED, at.CHOICES)
    items = catalog.items
    assert len(catalog.popularity) <= at.ITEMS_MAX
    margin = np.rint(rules.margin_weight * np.asarray(items["margin_ratio"], float) * 1e6)
    assert np.abs(margin).max() + 1e6 < at.VALUE_MAX
    popularity = np.rint(catalog.popularity * 1e6)
    of_item = [items["category"], items["stock_count"], items["min_age_years"], margin, popularity]
    of_item_f = [
        np.log(items["price_eur"]), items["discount_ratio"], items["return_ratio"], np.log1p(items["reviews_count"]),
        items["rating_stars"], np.log1p(items["listed_days"]), items["shipping_days"], catalog.popularity,
    ]  # fmt: skip
    discount_share = catalog.profile[:, INDEX["discount_share_ratio"]]
    visits, nothing = Visits(catalog), np.zeros(0, np.int64)
    item_f = np.stack(of_item_f, axis=1).astype(np.float64)
    return PageTables(
        answer=np.zeros((ANSWERS_MAX, at.ANSWER_WORDS), np.int64),
        came_f=np.zeros(ANSWERS_MAX),
        activity_f=visits.activity,
        turn_f=np.zeros(0),
        turn=nothing,
        turn_first=nothing,
        opening=nothing,
        turned=nothing,
        item=np.stack(of_item, axis=1).astype(np.int64),
        item_f=item_f,
        user_f=np.ascontiguousarray(np.column_stack([catalog.budget_log_eur, discount_share, catalog.taste])),
        model_f=_models([]),
        default_f=DEFAULTS.astype(np.float64),
        seen_f=np.zeros((1, len(DEFAULTS))),
        stratum=np.ascontiguousarray(catalog.strata, np.int64),
        edge_f=np.zeros((1, catalog.strata.shape[1])),
        rule=np.array(
            [rules.min_stock, rules.max_per_category, len(item_f), catalog.users_count, visits.last], np.int64
        ),
        constant_f=np.array([MISSION_SHARE, LABEL_WINDOW_S, LABEL_DELAY_MEAN_S, BLOCK_S, *POSITION_BIAS]),
        term_f=_item_terms(_models([]), item_f),
        offer=np.zeros((at.OFFER_ROWS, at.OFFERED), np.int64),
        taken=np.zeros(at.CATEGORIES, np.int64),
        vector_f=np.zeros(at.VECTOR_WORDS),
        page=np.zeros((ANSWERS_MAX * PAGE, 2), np.int64),
        page_f=np.zeros((ANSWERS_MAX * PAGE, 2)),
        input_f=np.zeros((ANSWERS_MAX * PAGE, at.INPUTS)),
    )


def _models(versions: list[Model]) -> Array:
    """A row a version, the first for none."""
    table = np.zeros((len(versions) + 1, at.MF_INTERCEPT + 1))
    table[0, 1 : at.MF_INTERCEPT : 3] = 1.0  # a scale
    for row, model in zip(table[1:], versions, strict=True):
        row[: at.MF_INTERCEPT] = np.stack([model.mean, model.scale, model.weights], axis=1).ravel()
        row[at.MF_INTERCEPT] = model.intercept
    return table


def _item_terms(models: Array, item_f: Array) -> Array:
    """Rows by version and item: the terms of the logit that are an item's own, as the kernel's `term` has them."""
    terms = np.zeros((len(models), len(item_f), at.ITEM_TERMS))
    own = item_f[:, [at.IF_LOG_REVIEWS, at.IF_RATING, at.IF_LOG_LISTED, at.IF_SHIPPING]]
    for version in range(1, len(models)):
        inputs = models[version, : at.MF_INTERCEPT].reshape(at.INPUTS, 3)[at.FIRST_ITEM_TERM :][: at.ITEM_TERMS]
        terms[version] = (own - inputs[:, 0]) / inputs[:, 1] * inputs[:, 2]
    return terms.reshape(-1, at.ITEM_TERMS)


def click_times_ns(pages: Pages) -> tuple[Array, Array, Array]:
    """(pages, places, times in ns) of the clicks."""
    page, place = np.nonzero(pages.clicked)
    return page, place, pages.shown_ns[page] + np.rint(pages.delay_s[page, place] * NS).astype(np.int64)


assert (len(DEFAULTS), len(INPUT_NAMES)) == (at.FEATURES, at.INPUTS)
