"""Columns of datasets in a calendar: how far their values lie from the first ones, and what befell them besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lab.recording.arrow import texts
from lab.recording.observed import Observed
from lab.recording.schema import DATASET_COLUMNS
from lab.signals import SignalTable
from lab.signals.lineage import Lineage
from lab.signals.periods.layout import Periods
from lab.signals.periods.levels import CALM_PSI, nulls_level
from lab.signals.periods.movements import by_period
from lab.signals.periods.shapes import DatasetRow, DriftRow, Sign

DRIFT, NULLS, MEDIAN = "column_drift_psi", "column_null_ratio", "column_median"
"""Signals of the columns of datasets."""

Types = Mapping[str, str]
"""Types of the columns of a version, by name."""


def drift_rows(
    observed: Observed, lineage: Lineage, signals: SignalTable, datasets: Sequence[DatasetRow], periods: Periods
) -> tuple[DriftRow, ...]:
    """Every column of a dataset of which it is known how its values are distributed, or how many are null."""
    rows, types = [], column_types(observed)
    for dataset in datasets:
        registered = lineage.registered[dataset.dataset].columns if dataset.dataset in lineage.registered else {}
        written = [
            None if cell is None or not cell.writes else types.get(dataset.dataset, {}).get(cell.version.version)
            for cell in dataset.cells
        ]
        for column in lineage.columns.get(dataset.dataset, ()):
            found = [signals.get(signal, f"{dataset.dataset}.{column}") for signal in (DRIFT, NULLS, MEDIAN)]
            if found[0] is None and found[1] is None:
                continue
            psi, nulls, medians = (by_period(one, periods) for one in found)
            unit = registered[column].unit if column in registered else ""
            signs = tuple(_signs(column, written, nulls))
            has_moved = any(signs) or any(one is not None and one >= CALM_PSI for one in psi)
            rows.append(DriftRow(dataset.dataset, column, unit or "1", psi, nulls, medians, signs, has_moved))
    return tuple(rows)


def column_types(observed: Observed) -> dict[str, dict[str, dict[str, str]]]:
    """Types of columns by dataset and version, as they were written; nothing where columns are not recorded."""
    table = observed.tables.get(DATASET_COLUMNS)
    found: dict[str, dict[str, dict[str, str]]] = {}
    if table is not None:
        names = (texts(table[name]).tolist() for name in ("dataset", "version", "column", "type"))
        for dataset, version, column, kind in zip(*names, strict=True):
            found.setdefault(dataset, {}).setdefault(version, {})[column] = kind
    return found


def _signs(column: str, written: Sequence[Types | None], nulls: Sequence[float | None]) -> Iterator[Sign]:
    """What befell a column in each period in which a version was written."""
    usual, before = nulls_level(nulls), None
    for now, null in zip(written, nulls, strict=True):
        sign: Sign = "" if now is None or before is None else _sign(before.get(column), now.get(column))
        is_null = usual is not None and null is not None and null > usual.high
        yield "null" if is_null and not sign else sign
        before = now if now is not None else before


def _sign(then: str | None, now: str | None) -> Sign:
    if then == now:
        return ""
    return "new" if then is None else "gone" if now is None else "type"
