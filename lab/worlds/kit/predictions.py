"""Signals from the predictions that were made: their mean, calibration, and the registered models scored again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.errors import Problem, UserError
from lab.recording.arrow import coded, numbers, numbers_of
from lab.recording.observed import Observed
from lab.registration.world import World, loaded, registration_of
from lab.signals import Series
from lab.signals.columns import Grid, Metrics, ratio, rolling

Array = npt.NDArray[Any]
Score: TypeAlias = "Callable[[Mapping[str, Any], Sequence[Array]], Array]"
"""Scores of a registry entry on logged inputs, a column for each."""

RESCORE_INTERVALS = 6
MIN_POSITIVES = 20
"""With fewer positive outcomes in a window, shares and means of it say little."""
MIN_RANKED = 30
"""With fewer positive outcomes in a window, two good versions differ in AUC by more than a worse one would."""


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; of predictions only where the system makes any."""
    for name, component in observed.system["components"].items():
        if component["kind"] == "model":
            yield grid.series("model_version", name, metrics.get(name, "model.version"))
    predictions = observed.tables.get("predictions")
    if predictions is not None and len(predictions):
        yield from _predictions(predictions, observed, grid)


def _predictions(table: pa.Table, observed: Observed, grid: Grid) -> Iterator[Series]:
    names = coded(table["service.name"].slice(0, 1))
    component = names.texts[names.codes[0]]
    bins = grid.bins(numbers(table["time_s"]))
    outcome, score = numbers_of(table, "outcome"), numbers_of(table, "score")
    scored = ~np.isnan(score)
    mean = ratio(grid.sums(bins[scored], score[scored]), grid.sums(bins[scored]))
    yield grid.series("prediction_mean", component, mean)
    both = ~np.isnan(outcome) & scored
    positives, predicted = (grid.sums(bins[both], of[both]) for of in (outcome, score))
    over = (rolling(of, RESCORE_INTERVALS) for of in (positives, predicted))
    yield grid.series("calibration_ratio", component, ratio(*over))
    closed = ~np.isnan(outcome)
    yield grid.series("positive_ratio", component, ratio(grid.sums(bins[outcome > 0]), grid.sums(bins[closed])))
    yield from _rescored(table, observed, grid, component)


def window_of(positives: Array) -> int:
    """Intervals of a window that usually has enough positive outcomes: 1 where there are many.

    `positives`: how many there were in each interval. At most a quarter of the recording, where there are hardly any.
    """
    some = positives[: 1 + int(np.max(np.flatnonzero(positives), initial=0))]  # later ones are not known yet
    usual = float(some.mean()) if len(some) else 0.0
    needed = MIN_POSITIVES / usual if usual else 0.0
    return max(1, min(int(np.ceil(needed)), len(positives) // 4))


def _rescored(table: pa.Table, observed: Observed, grid: Grid, component: str) -> Iterator[Series]:
    """The logged scores beside those of the registered models on the same inputs."""
    world = registration_of(observed.system.get("world") or "")
    registry = {entry["version"]: entry for entry in observed.reference.get("registry.json", [])}
    names = [f"input.{name}" for name in observed.reference.get("contract.json", {}).get("inputs", [])]
    if world is None or not registry or not names or not set(names) <= set(table.column_names):
        return
    usable = ~np.isnan(numbers(table[names[0]])) & (numbers(table["model_version"]) > 0)
    if not usable.any():
        return
    inputs = [numbers(table[name])[usable].astype(np.float64) for name in names]
    version, bins = numbers(table["model_version"])[usable], grid.bins(numbers(table["time_s"])[usable])
    logged, outcome = numbers_of(table, "score")[usable], numbers_of(table, "outcome")[usable]
    again = np.full(len(version), np.nan)
    for number in np.unique(version).tolist():
        if number in registry:
            mine = version == number
            rows = inputs if mine.all() else [values[mine] for values in inputs]
            again[mine] = _scored(world, registry[number], rows)
    known = ~np.isnan(again)
    error = grid.sums(bins[known], np.abs(again - logged)[known])
    yield grid.series("rescore_error", component, ratio(error, grid.sums(bins[known])))
    incumbent = version[0]
    has_newer = incumbent in registry and (version != incumbent).any()
    first = _scored(world, registry[incumbent], inputs) if has_newer else again
    width = window_of(grid.sums(bins[outcome > 0]))
    scores = (rolling(grid.sums(bins, of), width) for of in (logged, first))
    yield grid.series("model_score_ratio", component, ratio(*scores))
    closed = ~np.isnan(outcome)
    deficit = _deficit(first[closed], logged[closed], outcome[closed], version[closed], incumbent, bins[closed], grid)
    yield grid.series("model_auc_deficit", component, deficit)


def _scored(world: World, entry: Mapping[str, Any], inputs: Sequence[Array]) -> Array:
    """What a version in the registry says of these inputs; UserError for a model family that the world does not have.

    An entry need not name its family where the world has one.
    """
    only = next(iter(world.models)) if len(world.models) == 1 else ""
    family = entry.get("family", only)
    if family not in world.models:
        what = f"world {world.name!r} cannot score version {entry['version']} of the registry"
        expected = f"`family`: one of {', '.join(world.models) or 'none'}"
        raise UserError(Problem(what, seen=str(family) or "no family", expected=expected))
    score: Score = loaded(world.models[family])
    return score(entry, inputs)


def _deficit(
    first: Array, logged: Array, outcome: Array, version: Array, incumbent: int, bins: Array, grid: Grid
) -> Array:
    """AUC of the first version minus that of a newer one on the rows that this one scored; 0 while none serves.

    Of each newer version by its own rows: those of the last `RESCORE_INTERVALS`, and of as many more as have enough
    positives; at its beginning those of the first intervals that have enough. NaN where nothing is known of an
    interval, or too little of its version. Rows are in time order.
    """
    starts = np.searchsorted(bins, np.arange(grid.count + 1))
    found = np.where(starts[1:] > starts[:-1], 0.0, np.nan)
    for number in np.unique(version[version != incumbent]).tolist():
        mine = np.flatnonzero(version == number)
        places, positive = (_places(first[mine]), _places(logged[mine])), outcome[mine] > 0
        of_bin = np.searchsorted(bins[mine], np.arange(grid.count + 1))
        positives = np.concatenate([[0], np.cumsum(positive)])[of_bin]
        at = np.flatnonzero(of_bin[1:] > of_bin[:-1])
        found[at] = np.nan
        first_until = int(np.searchsorted(positives, MIN_RANKED))
        for end in at.tolist() if first_until <= grid.count else ():
            until = max(end + 1, first_until)
            enough = int(np.searchsorted(positives, positives[until] - MIN_RANKED, side="right")) - 1
            rows = slice(of_bin[max(0, min(enough, until - RESCORE_INTERVALS))], of_bin[until])
            by_first, by_logged = (_auc(of[rows], positive[rows]) for of in places)
            found[end] = by_first - by_logged
    return found


def _places(values: Array) -> Array:
    """The place of each value among the different ones: it orders as they do, and sorts ten times as fast."""
    distinct, places = np.unique(values, return_inverse=True)
    return places.astype(np.uint16 if len(distinct) <= 1 << 16 else np.int64)


def _auc(places: Array, positive: Array) -> float:
    """Area under the ROC curve by the rank-sum identity, ties at mid-rank; NaN with too few positives."""
    n, n_positive = len(places), int(np.count_nonzero(positive))
    n_negative = n - n_positive
    if n_positive < MIN_RANKED or not n_negative:
        return float("nan")
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    firsts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    twice_midranks = firsts + np.append(firsts[1:], n) + 1
    ranks = float(np.add.reduceat(positive[order], firsts, dtype=np.int64) @ twice_midranks) / 2
    return (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
