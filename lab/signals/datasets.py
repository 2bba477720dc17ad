"""Signals of the versions of datasets: how much they hold, how old, the same as before, and what their columns say.

They have a value for each scrape interval in which a version was written: of several versions the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import Coded, numbers, numbers_of, texts_of
from lab.recording.observed import Observed
from lab.recording.profiles import QUANTILES
from lab.recording.schema import DATASET_COLUMNS, DATASET_VERSIONS
from lab.signals import Series
from lab.signals.columns import Grid, ratio
from lab.signals.dataset_catalogue import REFERENCE_VERSIONS
from lab.signals.lineage import Lineage, Version
from lab.signals.profile_drift import drift

Array = npt.NDArray[Any]
PROFILE = ("min", *QUANTILES, "max")
COLUMN_SIGNALS = {
    "column_null_ratio": "null_ratio", "column_mean": "mean", "column_median": "q50", "column_distinct": "distinct",
    "column_top_ratio": "top_ratio",
}  # fmt: skip
"""The column of the table that each signal has its values from."""
OF_KEYS = ("column_null_ratio", "column_distinct")
"""Those of a key: which numbers things have means nothing."""


def series(observed: Observed, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where no job writes datasets."""
    if DATASET_VERSIONS not in observed.tables:
        return
    lineage = Lineage.of(observed)
    for dataset, versions in sorted(lineage.versions.items()):
        yield from _of_versions(dataset, versions, observed.system, grid)
    columns = observed.tables.get(DATASET_COLUMNS)
    if columns is not None and len(columns):
        yield from _of_columns(columns, lineage, grid)
        yield from _of_keys(columns, lineage, grid)


def _of_versions(
    dataset: str, versions: tuple[Version, ...], system: Mapping[str, Any], grid: Grid
) -> Iterator[Series]:  # fmt: skip
    time_s = np.array([one.time_s for one in versions])
    at = grid.bins(time_s)
    yield grid.series("dataset_rows", dataset, _last(grid, at, [one.rows for one in versions]))
    latest_s = _latest(grid, at, np.array([one.partition_s for one in versions]))
    yield grid.series("dataset_age_s", dataset, grid.ends_s - latest_s)
    due_s = [_due_s(one, system["components"].get(one.job, {})) for one in versions]
    yield grid.series("dataset_delay_s", dataset, _last(grid, at, time_s - np.array(due_s)))
    schemas = [one.schema_version for one in versions]
    first_due_s: dict[str, float] = {}
    # What an attempt writes again of the same run is no earlier version.
    is_new = [first_due_s.setdefault(one.version, due) == due for one, due in zip(versions, due_s, strict=True)]
    yield grid.series("dataset_repeated", dataset, _last(grid, at, np.where(is_new, 0.0, 1.0)))
    is_as_first = [schema == schemas[0] for schema in schemas]
    yield grid.series("dataset_schema_changed", dataset, _last(grid, at, np.where(is_as_first, 0.0, 1.0)))


def _due_s(version: Version, job: Mapping[str, Any]) -> float:
    """When the run was due that wrote a version: periods begin with the recording, or a whole number of them before."""
    period_s, starts_s = float(job.get("period_s", 0.0)), float(job.get("starts_s", 0.0))
    if not period_s:
        return version.time_s
    return float(np.floor((version.time_s - starts_s) / period_s) * period_s + starts_s)


def _of_columns(table: pa.Table, lineage: Lineage, grid: Grid) -> Iterator[Series]:
    of = {signal: numbers_of(table, column) for signal, column in COLUMN_SIGNALS.items()}
    time_s, types = numbers(table["time_s"]), texts_of(table, "type").codes
    profiles = np.column_stack([numbers_of(table, name) for name in PROFILE])
    keys = {f"{dataset}.{lineage.key(dataset)}" for dataset in lineage.datasets}
    for name, mine in _by_name(_paired(texts_of(table, "dataset"), texts_of(table, "column"))):
        at = grid.bins(time_s[mine])
        for signal, values in of.items():
            if name not in keys or signal in OF_KEYS:
                yield grid.series(signal, name, _last(grid, at, values[mine]))
        yield grid.series(
            "column_type_changed", name, _last(grid, at, np.where(types[mine] == types[mine[0]], 0.0, 1.0))
        )
        if name not in keys:
            psi = drift(profiles[mine], REFERENCE_VERSIONS)
            yield grid.series("column_drift_psi", name, _last(grid, at, psi))


def _of_keys(table: pa.Table, lineage: Lineage, grid: Grid) -> Iterator[Series]:
    keys = _keys(table, lineage)
    for dataset, versions in sorted(lineage.versions.items()):
        at = grid.bins(np.array([one.time_s for one in versions]))
        mine = [keys.get((dataset, one.version), _NO_KEYS) for one in versions]
        duplicates = 1 - ratio(np.array([one.distinct for one in mine]), np.array([one.known for one in mine]))
        yield grid.series("dataset_duplicate_ratio", dataset, _last(grid, at, duplicates))
        alike = [name for name in lineage.inputs(dataset) if lineage.key(name) == lineage.key(dataset)]
        largest = [
            max((keys[pair].items for pair in one.inputs if pair[0] in alike and pair in keys), default=0.0)
            for one in versions
        ]
        kept = ratio(np.array([one.items for one in mine]), np.array(largest))
        yield grid.series("dataset_kept_ratio", dataset, _last(grid, at, kept))


class _Keys(NamedTuple):
    """The key of a version: different ones, and rows with and without one."""

    distinct: float
    known: float
    missing: float

    @property
    def items(self) -> float:
        """What its rows are about: one thing for each key, and for each row without one."""
        return self.distinct + self.missing


_NO_KEYS = _Keys(np.nan, np.nan, np.nan)


def _keys(table: pa.Table, lineage: Lineage) -> dict[tuple[str, str], _Keys]:
    """By dataset and version; of those datasets that have a key."""
    dataset, column, version = (texts_of(table, name) for name in ("dataset", "column", "version"))
    rows, distinct = numbers(table["rows"]), numbers(table["distinct"])
    missing = np.rint(rows * numbers(table["null_ratio"]))
    found = {}
    for name in lineage.datasets:
        is_key = (dataset.codes == dataset.code(name)) & (column.codes == column.code(lineage.key(name)))
        for row in np.flatnonzero(is_key).tolist():
            one = _Keys(float(distinct[row]), float(rows[row] - missing[row]), float(missing[row]))
            found[name, version.texts[version.codes[row]]] = one
    return found


def _paired(dataset: Coded, column: Coded) -> Coded:
    """`dataset.column` of each row."""
    pairs, codes = np.unique(dataset.codes * len(column.texts) + column.codes, return_inverse=True)
    split = [divmod(pair, len(column.texts)) for pair in pairs.tolist()]
    return Coded(codes, [f"{dataset.texts[one]}.{column.texts[other]}" for one, other in split])


def _by_name(names: Coded) -> Iterator[tuple[str, Array]]:
    """Each name with its rows, which lie in order of time."""
    for code, name in sorted(enumerate(names.texts), key=lambda pair: pair[1]):
        rows = np.flatnonzero(names.codes == code)
        if len(rows):
            yield name, rows


def _last(grid: Grid, at: Array, values: Any) -> Array:
    """The last value of each interval, NaN where there is none."""
    found = np.full(grid.count + 1, np.nan)
    found[at] = values  # of several the last one stays
    return found[: grid.count]


def _latest(grid: Grid, at: Array, values: Array) -> Array:
    """The last value until the end of each interval, NaN before the first."""
    known = np.bincount(at, minlength=grid.count + 1).cumsum()[: grid.count]
    return np.where(known > 0, values[np.maximum(known, 1) - 1], np.nan)
