"""Signals from the features that were served: freshness, contract, drift against the training sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import mask_array, numbers, numbers_of, texts_of
from lab.recording.observed import Observed
from lab.signals import Series, drift
from lab.signals.columns import Grid, Lines, Metrics, ratio, rolling, weights_of
from lab.signals.ranks import Groups
from lab.worlds.kit.entities import mismatches

Array = npt.NDArray[Any]

DRIFT_INTERVALS = 3
DRIFT_INTERVALS_MAX = 12
MIN_DRIFT_ROWS = 100
RANGE_MARGIN = 0.1


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where the system serves no features."""
    yield from _contract_violations(observed, metrics, grid)
    features = observed.tables.get("features")
    if features is not None and len(features):
        yield from _ages(features, grid)
        tables = _tables(observed, features)
        yield from _violations(observed, tables, grid)
        yield from mismatches(observed, tables, grid)
        for rows, columns in tables:
            yield from _columns(rows, columns, observed.reference.get("training_sample.parquet"), grid)


def _tables(observed: Observed, features: pa.Table) -> list[tuple[pa.Table, list[str]]]:
    """(rows, their feature columns) of each table that features come from; the contract says which column is whose.

    Where there is one, its rows do not name it: all rows have all columns.
    """
    columns = [name.removeprefix("feature.") for name in features.column_names if name.startswith("feature.")]
    if "table" not in features.column_names:
        return [(features, columns)]
    declared = observed.reference.get("contract.json", {}).get("features", [])
    table_of = {feature["name"]: feature.get("table") for feature in declared}
    table = texts_of(features, "table")
    return [
        (features.filter(mask_array(table.is_any([name]))), [c for c in columns if table_of.get(c) == name])
        for name in table.texts
    ]


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


def _contract_violations(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """Rows that a component could not read, of the requests it handled; only where it logged any."""
    broken = Lines.of(observed, "feature_contract_violation")
    for code, component in enumerate(broken.service.texts):
        mine = broken.service.codes == code
        if mine.any():
            handled = metrics.get(component, "server.request.count")
            yield grid.series("contract_violation_ratio", component, ratio(broken.counted(mine, grid), handled))


def _violations(observed: Observed, tables: list[tuple[pa.Table, list[str]]], grid: Grid) -> Iterator[Series]:
    """Violations by column, where the log names it: of the rows of its table."""
    broken = Lines.of(observed, "feature_contract_violation")
    served = [(grid.sums(grid.bins(numbers(rows["time_s"])), weights_of(rows)), columns) for rows, columns in tables]
    for code, column in enumerate(broken.subject.texts):
        mine = broken.subject.codes == code
        if mine.any():
            rows = next((rows for rows, columns in served if column in columns), served[0][0])
            yield grid.series("feature_violation_ratio", column, ratio(broken.counted(mine, grid), rows))


def _columns(features: pa.Table, columns: list[str], sample: pa.Table | None, grid: Grid) -> Iterator[Series]:
    """Per feature column of a table: nulls, and drift against the training sample."""
    served = ~np.isnan(numbers_of(features, "row_age_s"))
    bins = grid.bins(numbers(features["time_s"])[served])
    width = _drift_width(bins, grid)
    for column in columns:
        name = f"feature.{column}"
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
    edges = drift.quantile_edges(trained)
    expected = drift.shares(drift.bucketed(trained, edges, np.zeros(len(trained), np.intp), 1))
    counts = rolling(drift.bucketed(known, edges, bins, grid.count + 1)[: grid.count], width)
    actual = drift.shares(counts)
    psi, ks = drift.psi(actual, expected), drift.ks(actual, expected)
    low, high = float(trained.min()), float(trained.max())
    beyond = (known < low - RANGE_MARGIN * abs(low)) | (known > high + RANGE_MARGIN * abs(high))
    enough = counts.sum(axis=1) >= MIN_DRIFT_ROWS
    yield grid.series("feature_out_of_range_ratio", column, ratio(grid.sums(bins[beyond]), served))
    yield grid.series("feature_drift_psi", column, np.where(enough, psi, np.nan))
    yield grid.series("feature_drift_ks", column, np.where(enough, ks, np.nan))


def _drift_width(bins: Array, grid: Grid) -> int:
    """Intervals of a drift window: three, at low load as many as usually hold enough rows, twelve at most."""
    usual = float(np.median(grid.sums(bins))) if grid.count else 0.0
    needed = MIN_DRIFT_ROWS / usual if usual else 1.0
    return int(min(DRIFT_INTERVALS_MAX, max(DRIFT_INTERVALS, np.ceil(1.2 * needed))))
