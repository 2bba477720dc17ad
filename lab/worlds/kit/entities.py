"""A signal from whose rows were served: does a cache answer with the entries of others?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.recording.arrow import numbers, numbers_of, texts_of
from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Grid, weights_of

Array = npt.NDArray[Any]
Tables = Sequence[tuple[pa.Table, list[str]]]

FEWEST_COLUMNS = 2
DEFAULT = "default"
"""What rows come from that nobody served."""


def mismatches(observed: Observed, tables: Tables, grid: Grid) -> Iterator[Series]:
    """By source, the rows that are somebody else's, of those that can be compared.

    `tables`: (rows, their feature columns). Compared are the columns that no job computes, where there are two at
    least, with what the store gave for the same entity before and after. A row that differs from both in most of them
    is of another entity; a column that changes under its readers is only one of them.
    """
    contract = observed.reference.get("contract.json", {})
    stored = {feature["name"] for feature in contract.get("features", []) if not feature.get("derived_from")}
    counts: dict[str, tuple[Array, Array]] = {}
    for rows, columns in tables:
        compared = [column for column in columns if column in stored]
        entity = next((name for name in rows.column_names if name.endswith("_id") and name != "trace_id"), None)
        if entity is None or len(compared) < FEWEST_COLUMNS:
            continue
        source = texts_of(rows, "source")
        order = np.lexsort((numbers(rows["time_s"]), numbers(rows[entity])))
        is_stored = source.codes[order] == source.code(contract.get("component", ""))
        known, differs = _against_the_store(
            numbers(rows[entity])[order],
            is_stored,
            np.column_stack([numbers_of(rows, f"feature.{column}")[order] for column in compared]),
        )
        bins, weights = grid.bins(numbers(rows["time_s"])[order]), weights_of(rows)
        weights = np.ones(len(order)) if weights is None else weights[order]
        for code, name in enumerate(source.texts):
            mine = (source.codes[order] == code) & known
            if name != DEFAULT and mine.any():
                wrong, of = counts.get(name, (np.zeros(grid.count), np.zeros(grid.count)))
                wrong = wrong + grid.sums(bins[mine], weights[mine] * differs[mine])
                counts[name] = wrong, of + grid.sums(bins[mine], weights[mine])
    for name, (wrong, of) in counts.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            yield grid.series("entry_mismatch_ratio", name, wrong / of)


def _against_the_store(entity: Array, is_stored: Array, values: Array) -> tuple[Array, Array]:
    """Of rows by entity and time: which have one of the store on both sides, and which resemble neither of the two.

    entity, is_stored (n,), values (n, columns); masks (n,).
    """
    places = np.arange(len(entity))
    before = np.maximum.accumulate(np.where(is_stored, places, -1))
    after = np.minimum.accumulate(np.where(is_stored, places, len(places))[::-1])[::-1]
    known = ~is_stored & (before >= 0) & (after < len(places))
    before, after = np.maximum(before, 0), np.minimum(after, len(places) - 1)
    known &= (entity[before] == entity) & (entity[after] == entity)
    differs = known.copy()
    for other in (before, after):
        is_same = (values == values[other]) | (np.isnan(values) & np.isnan(values[other]))
        differs &= 2 * is_same.sum(axis=1) < values.shape[1]
    return known, differs
