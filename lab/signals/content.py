"""Signals from served features and predictions: drift, freshness, contract, clicks, and re-scoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.telemetry import Grid, ratio

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
    if len(observed.frame("features")):
        yield from _ages(observed.frame("features"), grid)
        yield from _violations(observed, grid)
        yield from _columns(observed, grid)
    if len(observed.frame("predictions")):
        yield from _predictions(observed, grid)


def _rolling(values: Array, width: int) -> Array:
    """Sums over the last `width` intervals, along the first axis."""
    total = np.cumsum(values, axis=0)
    return np.concatenate([total[:width], total[width:] - total[:-width]])


def _ages(features: pd.DataFrame, grid: Grid) -> Iterator[Series]:
    bins = grid.bins(features["time_s"].to_numpy())
    source = pd.Categorical(features["source"])
    row_age = features["row_age_s"].to_numpy()
    known = "entry_age_s" in features  # only where the cache's entries have it
    entry_age = features["entry_age_s"].to_numpy() if known else np.full(len(features), np.nan)
    for code, name in enumerate(source.categories):
        aged = (source.codes == code) & ~np.isnan(row_age)
        if aged.any():
            count = grid.sums(bins[aged])
            yield grid.series("row_age_mean_s", name, ratio(grid.sums(bins[aged], row_age[aged]), count))
        held = (source.codes == code) & ~np.isnan(entry_age)
        if held.any():
            p95 = np.full(grid.count, np.nan)
            for bin_, ages in pd.Series(entry_age[held]).groupby(bins[held]):
                if int(str(bin_)) < grid.count:
                    p95[int(str(bin_))] = np.percentile(ages, 95)
            yield grid.series("entry_age_p95_s", name, p95)


def _violations(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Violations by column, where the log names it."""
    logs = observed.frame("logs")
    broken = logs[logs["event.name"] == "feature_contract_violation"]
    rows = grid.sums(grid.bins(observed.frame("features")["time_s"].to_numpy()))
    for column, lines in broken.groupby("subject", observed=True):
        counted = grid.sums(grid.bins(lines["time_s"].to_numpy()))
        yield grid.series("feature_violation_ratio", str(column), ratio(counted, rows))


def _columns(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Per feature column: nulls, and drift against the training sample."""
    features, sample = observed.frame("features"), observed.reference_frame("training_sample")
    served = features["row_age_s"].notna().to_numpy()
    bins = grid.bins(features["time_s"].to_numpy()[served])
    width = _drift_width(bins, grid)
    for name in (c for c in features.columns if c.startswith("feature.")):
        column = name.removeprefix("feature.")
        values = features[name].to_numpy()[served]
        null = np.isnan(values)
        yield grid.series("feature_null_ratio", column, ratio(grid.sums(bins[null]), grid.sums(bins)))
        if sample is None or name not in sample or not sample[name].notna().any():
            continue
        edges = np.unique(np.quantile(sample[name].dropna(), np.linspace(0, 1, BUCKETS + 1)[1:-1]))
        expected = _shares(
            np.bincount(np.searchsorted(edges, sample[name].dropna()), minlength=len(edges) + 1)[None, :]
        )
        buckets = np.searchsorted(edges, values[~null])
        keys = bins[~null] * (len(edges) + 1) + buckets
        counts = np.bincount(keys, minlength=(grid.count + 1) * (len(edges) + 1)).reshape(grid.count + 1, -1)[
            : grid.count
        ]
        counts = _rolling(counts, width)
        enough = counts.sum(axis=1) >= MIN_DRIFT_ROWS
        actual = _shares(counts)
        psi = ((actual - expected) * np.log(actual / expected)).sum(axis=1)
        ks = np.abs(np.cumsum(actual - expected, axis=1)).max(axis=1)
        low, high = float(sample[name].min()), float(sample[name].max())
        known = values[~null]
        beyond = (known < low - RANGE_MARGIN * abs(low)) | (known > high + RANGE_MARGIN * abs(high))
        outside = bins[~null][beyond]
        yield grid.series("feature_out_of_range_ratio", column, ratio(grid.sums(outside), grid.sums(bins)))
        yield grid.series("feature_drift_psi", column, np.where(enough, psi, np.nan))
        yield grid.series("feature_drift_ks", column, np.where(enough, ks, np.nan))


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


def _predictions(observed: Observed, grid: Grid) -> Iterator[Series]:
    frame = observed.frame("predictions")
    component = str(frame["service.name"].iloc[0])
    bins = grid.bins(frame["time_s"].to_numpy())
    outcome, score = frame["outcome"].to_numpy(), frame["score"].to_numpy()
    closed = ~np.isnan(outcome)
    shown, clicked = grid.sums(bins[closed]), grid.sums(bins[closed], outcome[closed])
    yield grid.series("click_through_ratio", observed.system["entry"], ratio(clicked, shown))
    scored = ~np.isnan(score)
    yield grid.series(
        "prediction_mean", component, ratio(grid.sums(bins[scored], score[scored]), grid.sums(bins[scored]))
    )
    both = closed & scored
    width = max(1, round(RESCORE_WINDOW_S / grid.interval_s))
    observed_clicks = _rolling(grid.sums(bins[both], outcome[both]), width)
    yield grid.series(
        "calibration_ratio", component, ratio(observed_clicks, _rolling(grid.sums(bins[both], score[both]), width))
    )
    yield from _rescored(observed, grid, component, bins, width)


def score_with(model: Mapping[str, Any], inputs: Array) -> Array:
    """Scores of a registry entry on logged inputs (rows, inputs)."""
    scaled = (inputs - np.array(model["standardize_mean"])) / np.array(model["standardize_scale"])
    return np.asarray(1 / (1 + np.exp(-(scaled @ np.array(model["weights"]) + model["intercept"]))))


def _rescored(observed: Observed, grid: Grid, component: str, bins: Array, width: int) -> Iterator[Series]:
    registry = {model["version"]: model for model in observed.reference.get("registry.json", [])}
    frame = observed.frame("predictions")
    version = frame["model_version"].to_numpy()
    names = [f"input.{name}" for name in observed.reference.get("contract.json", {}).get("inputs", [])]
    if not registry or not names or not set(names) <= set(frame.columns):
        return
    usable = frame[names[0]].notna().to_numpy() & (version > 0)
    inputs, version, bins = frame.loc[usable, names].to_numpy(float), version[usable], bins[usable]
    logged, outcome = frame["score"].to_numpy()[usable], frame["outcome"].to_numpy()[usable]
    if not len(version):
        return
    again = np.full(len(version), np.nan)
    for number in np.unique(version).tolist():
        if number in registry:
            again[version == number] = score_with(registry[number], inputs[version == number])
    known = ~np.isnan(again)
    error = grid.sums(bins[known], np.abs(again - logged)[known])
    yield grid.series("rescore_error", component, ratio(error, grid.sums(bins[known])))
    incumbent = version[0]
    first = score_with(registry[incumbent], inputs) if incumbent in registry else again
    yield grid.series("model_score_ratio", component, ratio(grid.sums(bins, logged), grid.sums(bins, first)))
    deficit = np.full(grid.count, np.nan)
    closed = ~np.isnan(outcome)
    starts = np.searchsorted(bins[closed], np.arange(grid.count + 1))
    # Bins are in time order, because the prediction log is.
    first, again, outcome, version = first[closed], logged[closed], outcome[closed], version[closed]
    for end in range(grid.count):
        rows = slice(starts[max(0, end + 1 - width)], starts[end + 1])
        latest = slice(starts[end], starts[end + 1])
        if latest.stop > latest.start and (version[latest] == incumbent).all():
            deficit[end] = 0.0
        else:
            mine = version[rows] != incumbent
            deficit[end] = _auc(first[rows][mine], outcome[rows][mine]) - _auc(again[rows][mine], outcome[rows][mine])
    yield grid.series("model_auc_deficit", component, deficit)


def _auc(score: Array, outcome: Array) -> float:
    """Area under the ROC curve by the rank-sum identity, ties at mid-rank; NaN with too few clicks."""
    positive = outcome > 0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive < MIN_CLICKS or not n_negative:
        return float("nan")
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
