"""From answered requests to pages shown and clicks: candidates, scores, rules, true clicks, the prediction log."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording.schema import LABEL_WINDOW_S
from lab.streams import Streams
from lab.worlds.shop.behaviour import PAGE, POSITION_BIAS, Missions, click_probability, true_interest
from lab.worlds.shop.candidates import Candidates
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.fallbacks import popular_scores, unfiltered_positions
from lab.worlds.shop.features import INDEX, INPUT_NAMES, INPUTS_LOGGED_ONE_IN, impute, model_inputs
from lab.worlds.shop.requests import ShopRequests, ShopStream
from lab.worlds.shop.rules import Thresholds, apply_rules_batch
from lab.worlds.shop.training import Model

Array = npt.NDArray[Any]


class ShownLog:
    """Everything that was shown, in order of showing, with outcomes as far as they are known."""

    def __init__(self, catalog: Catalog, streams: Streams, start_ns: int) -> None:
        self._catalog = catalog
        self._start_ns = start_ns
        self._candidates = Candidates(catalog, streams, start_ns)
        self._chunks: list[dict[str, Array]] = []
        self._clicks_ns = np.empty(0, np.int64)
        self._clicks = np.empty((0, 2), np.int64)

    def settle(self, source: ShopStream, data: ShopRequests, versions: list[Model], missions: Missions) -> None:
        """Scores and shows the stream's answered requests."""
        n, shown_ns = data.take_pending()
        versions_used, ruled = np.array(data.version)[n], np.frombuffer(bytes(data.ruled), np.uint8)[n].astype(bool)
        for version in np.unique(versions_used).tolist():
            for with_rules in (False, True):
                chosen = np.flatnonzero((versions_used == version) & (ruled == with_rules))
                if len(chosen):
                    model = versions[version - 1] if version else None
                    self._show(source, data, n[chosen], shown_ns[chosen], model, version, with_rules, missions)

    def _show(
        self, source: ShopStream, data: ShopRequests, n: Array, shown_ns: Array, model: Model | None, version: int,
        with_rules: bool, missions: Missions,
    ) -> None:  # fmt: skip
        catalog = self._catalog
        users, vectors = data.users[n], impute(data.vectors[n])
        candidates = self._candidates.of(data.candidate_draws[n], data.times_ns[n])
        inputs = model_inputs(vectors, catalog.items, candidates)
        score = model.score(inputs) if model else popular_scores(catalog.popularity, candidates)
        if with_rules:
            items = catalog.items
            positions = apply_rules_batch(
                vectors[:, INDEX["age_years"]], candidates, score, category=items["category"],
                stock=items["stock_count"], min_age=items["min_age_years"], margin=items["margin_ratio"], limit=PAGE,
                thresholds=Thresholds(),
            )  # fmt: skip
            # A page shorter than PAGE cannot come out of 20 candidates of which some 4 % are filtered, but might.
            positions = np.where(positions < 0, 0, positions)
        else:
            positions = unfiltered_positions(candidates, score)
        shown = np.take_along_axis(candidates, positions, axis=1)
        interest = true_interest(catalog, missions, users, (data.times_ns[n] - self._start_ns) / NS)
        chance = click_probability(catalog, users, interest, shown) * POSITION_BIAS
        clicked = (data.click_draws[n] < chance) & data.clicks
        delay_s = data.delay_s[n]
        clicked &= delay_s < LABEL_WINDOW_S
        logged = n % INPUTS_LOGGED_ONE_IN == 0
        kept = np.take_along_axis(inputs, positions[:, :, None], axis=1)
        self._chunks.append(
            {
                "request": np.repeat(source.base + n, PAGE),
                "shown_ns": np.repeat(shown_ns, PAGE),
                "item_id": shown.ravel(),
                "position": np.tile(np.arange(1, PAGE + 1), len(n)),
                "model_version": np.full(len(n) * PAGE, version),
                "score": np.take_along_axis(score, positions, axis=1).ravel()
                if version
                else np.full(len(n) * PAGE, np.nan),
                "clicked": clicked.ravel(),
                "delay_s": delay_s.ravel(),
                "inputs": np.where(np.repeat(logged, PAGE)[:, None], kept.reshape(-1, len(INPUT_NAMES)), np.nan),
            }
        )
        who, where = np.nonzero(clicked)
        times = shown_ns[who] + np.rint(delay_s[who, where] * NS).astype(np.int64)
        self._clicks_ns = np.concatenate([self._clicks_ns, times])
        self._clicks = np.concatenate([self._clicks, np.stack([users[who], shown[who, where]], axis=1)])

    def take_clicks(self, until_ns: int) -> tuple[Array, Array, Array]:
        """(users, items, ages in seconds) of clicks made by now and not taken before, in order of time."""
        due = np.flatnonzero(self._clicks_ns <= until_ns)
        due = due[np.argsort(self._clicks_ns[due], kind="stable")]
        taken, ages_s = self._clicks[due], (until_ns - self._clicks_ns[due]) / NS
        self._clicks = np.delete(self._clicks, due, axis=0)
        self._clicks_ns = np.delete(self._clicks_ns, due)
        return taken[:, 0], taken[:, 1], ages_s

    def counts(self, edges_ns: Array) -> tuple[Array, Array]:
        """(items shown, clicks made) by interval, each at its own time."""
        empty = np.empty(0, np.int64)
        shown = np.concatenate([empty, *(chunk["shown_ns"] for chunk in self._chunks)])
        clicked = np.concatenate([empty, *(_click_times(chunk) for chunk in self._chunks)])
        shown_counts, _ = np.histogram(shown, edges_ns)
        click_counts, _ = np.histogram(clicked, edges_ns)
        return shown_counts.astype(float), click_counts.astype(float)

    def table(self, end_ns: int, component: str) -> dict[str, Any]:
        """The prediction log as columns; an outcome is null while its label window is still open at the end."""
        if not self._chunks:
            return {}
        columns = {name: np.concatenate([chunk[name] for chunk in self._chunks]) for name in self._chunks[0]}
        order = np.lexsort((columns["position"], columns["request"], columns["shown_ns"]))
        columns = {name: values[order] for name, values in columns.items()}
        seen = columns["shown_ns"] >= self._start_ns
        columns = {name: values[seen] for name, values in columns.items()}
        closed = columns["shown_ns"] + round(LABEL_WINDOW_S * NS) <= end_ns
        clicked, inputs = columns.pop("clicked"), columns.pop("inputs")
        delay_s = np.where(clicked & closed, np.round(columns.pop("delay_s"), 3), np.nan)
        shown_ns = columns.pop("shown_ns")
        return {
            "request": columns.pop("request"),
            "time_s": (shown_ns - self._start_ns) / NS,
            "service.name": np.full(len(closed), component),
            **columns,
            "outcome": np.where(closed, clicked.astype(float), np.nan),
            "label_delay_s": delay_s,
            **{f"input.{name}": inputs[:, i].astype(np.float32) for i, name in enumerate(INPUT_NAMES)},
        }


def _click_times(chunk: dict[str, Array]) -> Array:
    made = chunk["clicked"]
    return np.asarray(chunk["shown_ns"][made] + np.rint(chunk["delay_s"][made] * NS).astype(np.int64))
