"""Signals from served features and predictions: drift, freshness, contract, clicks, and re-scoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import coded, numbers, numbers_of, texts_of
from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Grid, Lines, ratio, rolling, weights_of
from lab.signals.ranks import Groups

Array = npt.NDArray[Any]

BUCKETS = 10
DRIFT_WINDOW_S = 15.0
DRIFT_WINDOW_MAX_S = 60.0
RESCORE_WINDOW_S = 30.0
MIN_DRIFT_ROWS = 100
RANGE_MARGIN = 0.1
MIN_CLICKS = 20


def series(observed: Observed, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where the system serves no features and makes no predictions."""
    features, predictions = observed.tables.get("features"), observed.tables.get("predictions")
    if features is not None and len(features):
        yield from _ages(features, grid)
        yield from _violations(observed, features, grid)
        yield from _columns(features, observed.reference.get("training_sample.parquet"), grid)
    if predictions is not None and len(predictions):
        yield from _predictions(predictions, observed, grid)


def _ages(features: pa.Table, grid: Grid) -> Iterator[Series]:
    bins, source = grid.bins(numbers(features["time_s"])), texts_of(features, "source")
    row_age_s, entry_age_s = numbers_of(features, "row_age_s"), numbers_of(features, "entry_age_s")
    for code, name in enumerate(source.texts):
        aged = (source.codes == code) & ~np.isnan(row_age_s)
        if aged.any():
            total_s, count = grid.sums(bins[aged], row_age_s[aged]), grid.sums(bins[aged])
            yield grid.series("row_age_mean_s", name, ratio(total_s, count))
        held = (source.codes == code) & ~np.isnan(entry_age_s)
        if held.any():
            groups = Groups.of(bins[held], entry_age_s[held])
            p95_s = np.full(grid.count + 1, np.nan)
            p95_s[groups.keys] = groups.quantiles(0.95)
            yield grid.series("entry_age_p95_s", name, p95_s[: grid.count])


def _violations(observed: Observed, features: pa.Table, grid: Grid) -> Iterator[Series]:
    """Violations by column, where the log names it."""
    broken = Lines.of(observed, "feature_contract_violation")
    rows = grid.sums(grid.bins(numbers(features["time_s"])), weights_of(features))
    for code, column in enumerate(broken.subject.texts):
        mine = broken.subject.codes == code
        if mine.any():
            yield grid.series("feature_violation_ratio", column, ratio(broken.counted(mine, grid), rows))


def _columns(features: pa.Table, sample: pa.Table | None, grid: Grid) -> Iterator[Series]:
    """Per feature column: nulls, and drift against the training sample."""
    served = ~np.isnan(numbers_of(features, "row_age_s"))
    bins = grid.bins(numbers(features["time_s"])[served])
    width = _drift_width(bins, grid)
    for name in (name for name in features.column_names if name.startswith("feature.")):
        column = name.removeprefix("feature.")
        values = numbers(features[name])[served]
        null = np.isnan(values)
        yield grid.series("feature_null_ratio", column, ratio(grid.sums(bins[null]), grid.sums(bins)))
        trained = np.zeros(0) if sample is None or name not in sample.column_names else numbers(sample[name])
        trained = trained[~np.isnan(trained)]
        if len(trained):
            yield from _drift(column, values[~null], bins[~null], grid.sums(bins), trained, width, grid)


def _drift(
    column: str, known: Array, bins: Array, served: Array, trained: Array, width: int, grid: Grid
) -> Iterator[Series]:
    """How far the values of a column lie from those of the training sample."""
    edges = np.unique(np.quantile(trained, np.linspace(0, 1, BUCKETS + 1)[1:-1]))
    expected = _shares(_bucketed(trained, edges, np.zeros(len(trained), np.intp), 1))
    counts = rolling(_bucketed(known, edges, bins, grid.count + 1)[: grid.count], width)
    actual = _shares(counts)
    psi = ((actual - expected) * np.log(actual / expected)).sum(axis=1)
    ks = np.abs(np.cumsum(actual - expected, axis=1)).max(axis=1)
    low, high = float(trained.min()), float(trained.max())
    beyond = (known < low - RANGE_MARGIN * abs(low)) | (known > high + RANGE_MARGIN * abs(high))
    enough = counts.sum(axis=1) >= MIN_DRIFT_ROWS
    yield grid.series("feature_out_of_range_ratio", column, ratio(grid.sums(bins[beyond]), served))
    yield grid.series("feature_drift_psi", column, np.where(enough, psi, np.nan))
    yield grid.series("feature_drift_ks", column, np.where(enough, ks, np.nan))


def _bucketed(values: Array, edges: Array, bins: Array, count: int) -> Array:
    """How many values of each bin lie in each bucket between the edges, an edge in the one below it."""
    buckets = np.zeros(len(values), np.uint8)
    for edge in edges:
        buckets += values > edge
    size = len(edges) + 1
    return np.bincount(bins * size + buckets, minlength=count * size).reshape(count, size)


def _drift_width(bins: Array, grid: Grid) -> int:
    """Intervals of a drift window: 15 s, at low load as many as usually hold enough rows, 60 s at most."""
    usual = float(np.median(grid.sums(bins))) if grid.count else 0.0
    needed = MIN_DRIFT_ROWS / usual if usual else 1.0
    longest = max(1, round(DRIFT_WINDOW_MAX_S / grid.interval_s))
    return int(min(longest, max(1, round(DRIFT_WINDOW_S / grid.interval_s), np.ceil(1.2 * needed))))


def _shares(counts: Array) -> Array:
    """Bucket shares, smoothed by half a row so that an empty bucket has a finite logarithm."""
    smoothed = counts + 0.5
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))


def _predictions(table: pa.Table, observed: Observed, grid: Grid) -> Iterator[Series]:
    names = coded(table["service.name"].slice(0, 1))
    component = names.texts[names.codes[0]]
    bins = grid.bins(numbers(table["time_s"]))
    outcome, score = numbers_of(table, "outcome"), numbers_of(table, "score")
    closed = ~np.isnan(outcome)
    shown, clicked = grid.sums(bins[closed]), grid.sums(bins[closed], outcome[closed])
    yield grid.series("click_through_ratio", observed.system["entry"], ratio(clicked, shown))
    scored = ~np.isnan(score)
    mean = ratio(grid.sums(bins[scored], score[scored]), grid.sums(bins[scored]))
    yield grid.series("prediction_mean", component, mean)
    both = closed & scored
    width = max(1, round(RESCORE_WINDOW_S / grid.interval_s))
    clicks, predicted = (rolling(grid.sums(bins[both], of[both]), width) for of in (outcome, score))
    yield grid.series("calibration_ratio", component, ratio(clicks, predicted))
    yield from _rescored(table, observed, grid, component, width)


def score_with(model: Mapping[str, Any], inputs: Sequence[Array]) -> Array:
    """Scores of a registry entry on logged inputs, a column for each."""
    logit = np.full(len(inputs[0]), float(model["intercept"]))
    for values, mean, scale, weight in zip(
        inputs, model["standardize_mean"], model["standardize_scale"], model["weights"], strict=True
    ):
        logit += (values - mean) / scale * weight
    return np.asarray(1 / (1 + np.exp(-logit)))


def _rescored(table: pa.Table, observed: Observed, grid: Grid, component: str, width: int) -> Iterator[Series]:
    """The logged scores beside those of the registered models on the same inputs."""
    registry = {model["version"]: model for model in observed.reference.get("registry.json", [])}
    names = [f"input.{name}" for name in observed.reference.get("contract.json", {}).get("inputs", [])]
    if not registry or not names or not set(names) <= set(table.column_names):
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
            again[mine] = score_with(registry[number], inputs if mine.all() else [values[mine] for values in inputs])
    known = ~np.isnan(again)
    error = grid.sums(bins[known], np.abs(again - logged)[known])
    yield grid.series("rescore_error", component, ratio(error, grid.sums(bins[known])))
    incumbent = version[0]
    is_newer = version != incumbent
    first = score_with(registry[incumbent], inputs) if incumbent in registry and is_newer.any() else again
    yield grid.series("model_score_ratio", component, ratio(grid.sums(bins, logged), grid.sums(bins, first)))
    closed = ~np.isnan(outcome)
    deficit = _deficit(first[closed], logged[closed], outcome[closed], is_newer[closed], bins[closed], width, grid)
    yield grid.series("model_auc_deficit", component, deficit)


def _deficit(
    first: Array, logged: Array, outcome: Array, is_newer: Array, bins: Array, width: int, grid: Grid
) -> Array:
    """AUC of the first version minus that of a newer one on the rows that this one scored; 0 while none serves."""
    starts = np.searchsorted(bins, np.arange(grid.count + 1))  # the prediction log is in time order
    newer = np.concatenate([[0], np.cumsum(is_newer)])[starts]
    found = np.full(grid.count, np.nan)
    found[(starts[1:] > starts[:-1]) & (newer[1:] == newer[:-1])] = 0.0
    first, logged, clicked = _places(first[is_newer]), _places(logged[is_newer]), outcome[is_newer] > 0
    for end in np.flatnonzero(np.isnan(found)).tolist():
        rows = slice(newer[max(0, end + 1 - width)], newer[end + 1])
        if rows.start < rows.stop:
            found[end] = _auc(first[rows], clicked[rows]) - _auc(logged[rows], clicked[rows])
    return found


def _places(values: Array) -> Array:
    """The place of each value among the different ones: it orders as they do, and sorts ten times as fast."""
    distinct, places = np.unique(values, return_inverse=True)
    return places.astype(np.uint16 if len(distinct) <= 1 << 16 else np.int64)


def _auc(places: Array, positive: Array) -> float:
    """Area under the ROC curve by the rank-sum identity, ties at mid-rank; NaN with too few clicks."""
    n, n_positive = len(places), int(np.count_nonzero(positive))
    n_negative = n - n_positive
    if n_positive < MIN_CLICKS or not n_negative:
        return float("nan")
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    firsts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    twice_midranks = firsts + np.append(firsts[1:], n) + 1
    ranks = float(np.add.reduceat(positive[order], firsts, dtype=np.int64) @ twice_midranks) / 2
    return (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
