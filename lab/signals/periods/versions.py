"""Datasets in a calendar: which version was the last in each period, and whether it was another than before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np

from lab.recording.lineage import versions_of
from lab.recording.observed import Observed
from lab.signals import SignalTable
from lab.signals.lineage import Lineage
from lab.signals.lineage import Version as Written
from lab.signals.periods.columns import column_types
from lab.signals.periods.layout import FIRST, Periods
from lab.signals.periods.movements import by_period
from lab.signals.periods.runs import jobs_in_order
from lab.signals.periods.shapes import DatasetCell, DatasetRow, State, Version

DUPLICATES, KEPT = "dataset_duplicate_ratio", "dataset_kept_ratio"
"""Signals of datasets."""
NEW_COLUMN = "new column"


def dataset_rows(
    observed: Observed, signals: SignalTable, lineage: Lineage, periods: Periods
) -> tuple[DatasetRow, ...]:
    """Every dataset of which a version is known, in the order of the jobs that write them."""
    jobs = jobs_in_order(observed.system)
    failed, columns = _failed(observed, periods), column_types(observed)
    order = sorted(lineage.datasets, key=lambda dataset: jobs.index(lineage.writer(dataset)))
    rows = []
    for dataset in order:
        cells = _cells(lineage.versions[dataset], failed.get(dataset, frozenset()), periods)
        duplicates, kept = (by_period(signals.get(name, dataset), periods) for name in (DUPLICATES, KEPT))
        inputs = tuple(lineage.inputs(dataset))
        row = DatasetRow(
            dataset, lineage.writer(dataset), inputs, _with_age(cells, periods.length_s), duplicates, kept,
            _is_steady(cells), _schemas(lineage.versions[dataset], columns.get(dataset, {})),
        )  # fmt: skip
        rows.append(row)
    return tuple(rows)


def _with_age(cells: Sequence[DatasetCell | None], length_s: float) -> tuple[DatasetCell | None, ...]:
    """With how many periods earlier than usual the data of each version ends."""
    ages_s = [cell.version.age_s for cell in cells if cell is not None and cell.writes]
    known = [age_s for age_s in ages_s if age_s is not None][:FIRST]
    if not known:
        return tuple(cells)
    usual_s = median(known)
    return tuple(
        cell
        if cell is None or cell.version.age_s is None
        else replace(cell, behind=max(0, round((cell.version.age_s - usual_s) / length_s)))
        for cell in cells
    )


def _schemas(written: Sequence[Written], columns: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Of each schema, in the order in which they came, how its columns differ from the one before."""
    first: dict[str, Mapping[str, str]] = {}
    for one in sorted(written, key=lambda version: version.time_s):
        first.setdefault(one.schema_version, columns.get(one.version, {}))
    schemas = list(first.values())
    return ("", *(_differing(then, now) for then, now in pairwise(schemas))) if schemas else ()


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    parts = [
        (NEW_COLUMN, [name for name in now if name not in then]),
        ("gone", [name for name in then if name not in now]),
        (
            "other type",
            [f"{name} ({then[name]} → {now[name]})" for name in now if then.get(name, now[name]) != now[name]],
        ),
    ]
    return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names)


def only_gains(how: str) -> bool:
    """Whether a schema that differs so only has more columns than the one before."""
    return how.startswith(f"{NEW_COLUMN} ") and ";" not in how


def _is_steady(cells: Sequence[DatasetCell | None]) -> bool:
    """Whether most of the first versions had the content of one before."""
    first = [cell.state for cell in cells if cell is not None and cell.writes][:FIRST]
    return first.count("repeated") > len(first) / 2


def _failed(observed: Observed, periods: Periods) -> dict[str, frozenset[int]]:
    """In which periods a write of each dataset failed, as lineage tells."""
    found: dict[str, frozenset[int]] = {}
    for event in observed.lineage or ():
        place = periods.place(float(event["time_s"]))
        for dataset, version in versions_of(event["outputs"]):
            if not version and place is not None:
                found[dataset] = found.get(dataset, frozenset()) | {place}
    return found


def _cells(written: Sequence[Written], failed: frozenset[int], periods: Periods) -> tuple[DatasetCell | None, ...]:
    contents: dict[str, tuple[int, int | None]] = {}
    shapes: dict[str, int] = {}
    by_period: dict[int | None, list[DatasetCell]] = {}
    for one in sorted(written, key=lambda version: version.time_s):
        place = periods.place(one.time_s)
        content, since = contents.setdefault(one.version, (len(contents), place))
        state: State = "new" if since == place else "repeated"
        shape = shapes.setdefault(one.schema_version, len(shapes))
        of_period = by_period.setdefault(place, [])
        of_period.append(DatasetCell(state, _version(one, periods), len(of_period) + 1, content, shape))
    last = by_period[None][-1] if None in by_period else None  # of a period before those that are shown
    cells: list[DatasetCell | None] = []
    for shown, is_over in enumerate(periods.are_over):
        if shown in by_period:
            last = by_period[shown][-1]
            cells.append(last)
        elif last is not None and (is_over or shown in failed):
            cells.append(replace(last, state="failed" if shown in failed else "kept", writes=0))
        else:
            cells.append(None)  # not written yet
    return tuple(cells)


def _version(one: Written, periods: Periods) -> Version:
    return Version(
        version=one.version,
        written_s=one.time_s,
        written=periods.told(one.time_s),
        job=one.job,
        trace_id=one.trace_id,
        rows=int(one.rows),
        schema=one.schema_version,
        age_s=None if np.isnan(one.partition_s) else one.time_s - one.partition_s,
    )
