"""From answered requests to pages shown and clicks: candidates, scores, rules, true clicks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording.schema import LABEL_WINDOW_S
from lab.streams import Streams
from lab.worlds.base import RequestStream
from lab.worlds.shop.behaviour import MISSION_SHARE, PAGE, POSITION_BIAS, click_probability
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.fallbacks import popular_scores, unfiltered_positions
from lab.worlds.shop.features import INDEX, INPUTS_LOGGED_ONE_IN, impute, model_inputs
from lab.worlds.shop.missions import Missions
from lab.worlds.shop.retrieval import Candidates
from lab.worlds.shop.rules import Thresholds, apply_rules_batch
from lab.worlds.shop.training import Model
from lab.worlds.shop.visits import candidate_draws, click_draws

Array = npt.NDArray[Any]


class Answers(NamedTuple):
    """Answered requests of one stream: their numbers in it, over all streams, who asked, when they came and ended.

    vectors (n, features) as served, NaN for null; version that scored them (0: none); ruled: whether rules applied.
    """

    stream: RequestStream
    numbers: Array
    requests: Array
    users: Array
    came_ns: Array
    shown_ns: Array
    vectors: Array
    version: Array
    ruled: Array


class Pages(NamedTuple):
    """Pages shown, one a request: items, scores (NaN where nothing scored them) and clicks by place (n, PAGE).

    delay_s: until the click, if there is one. inputs: the model's (n, PAGE, inputs), NaN where they are not logged.
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

    def __init__(self, catalog: Catalog, streams: Streams, start_ns: int) -> None:
        self._catalog = catalog
        self._start_ns = start_ns
        self._candidates = Candidates(catalog, streams, start_ns)

    def pages(self, answers: Answers, versions: list[Model], missions: Missions) -> list[Pages]:
        """The pages of answers, in any order."""
        kind = answers.version * 2 + answers.ruled
        made = []
        for one in np.unique(kind).tolist():
            version, with_rules = divmod(one, 2)
            chosen = np.flatnonzero(kind == one)
            part = Answers(answers.stream, *(column[chosen] for column in answers[1:]))
            made.append(self._show(part, versions[version - 1] if version else None, bool(with_rules), missions))
        return made

    def copy(self) -> Showing:
        """One that goes on for itself."""
        copied = object.__new__(Showing)
        copied.__dict__.update(self.__dict__, _candidates=self._candidates.copy())
        return copied

    def _show(self, answers: Answers, model: Model | None, with_rules: bool, missions: Missions) -> Pages:
        catalog, users, key = self._catalog, answers.users, answers.stream.key
        vectors = impute(answers.vectors)
        candidates = self._candidates.of(candidate_draws(key, answers.numbers), answers.came_ns)
        inputs = model_inputs(vectors, catalog.items, candidates)
        score = model.score(inputs) if model else popular_scores(catalog.popularity, candidates)
        positions = (
            self._positions(vectors, candidates, score) if with_rules else unfiltered_positions(candidates, score)
        )
        shown = np.take_along_axis(candidates, positions, axis=1)
        interest = (1 - MISSION_SHARE) * catalog.taste[users]
        interest[np.arange(len(users)), missions.at(users, (answers.came_ns - self._start_ns) / NS)] += MISSION_SHARE
        chance = click_probability(catalog, users, interest, shown) * POSITION_BIAS
        draws, delay_s = click_draws(key, answers.numbers)
        clicked = (draws < chance) & (delay_s < LABEL_WINDOW_S) & answers.stream.clicks
        is_logged = answers.numbers % INPUTS_LOGGED_ONE_IN == 0
        kept = np.take_along_axis(inputs, positions[:, :, None], axis=1).astype(np.float32)
        return Pages(
            request=answers.requests,
            shown_ns=answers.shown_ns,
            user=users,
            version=answers.version,
            item=shown,
            score=np.take_along_axis(score, positions, axis=1) if model else np.full(shown.shape, np.nan),
            clicked=clicked,
            delay_s=delay_s,
            inputs=np.where(is_logged[:, None, None], kept, np.float32(np.nan)),
        )

    def _positions(self, vectors: Array, candidates: Array, score: Array) -> Array:
        items = self._catalog.items
        positions = apply_rules_batch(
            vectors[:, INDEX["age_years"]], candidates, score, category=items["category"],
            stock=items["stock_count"], min_age=items["min_age_years"], margin=items["margin_ratio"], limit=PAGE,
            thresholds=Thresholds(),
        )  # fmt: skip
        # A page shorter than PAGE cannot come out of 20 candidates of which some 4 % are filtered, but might.
        return np.where(positions < 0, 0, positions)


def click_times_ns(pages: Pages) -> tuple[Array, Array, Array]:
    """(pages, places, times in ns) of the clicks."""
    page, place = np.nonzero(pages.clicked)
    return page, place, pages.shown_ns[page] + np.rint(pages.delay_s[page, place] * NS).astype(np.int64)


def joined(pages: list[Pages]) -> Pages:
    """Pages as one block, in order of time and request."""
    whole = Pages(*map(np.concatenate, zip(*pages, strict=True)))
    return chosen(whole, np.lexsort((whole.request, whole.shown_ns)))


def chosen(pages: Pages, which: Array) -> Pages:
    """The pages that a mask or places select."""
    return Pages(*(column[which] for column in pages))
