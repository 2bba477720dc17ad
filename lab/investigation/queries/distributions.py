"""How the values of a column are distributed: now, before, and in the sample that the model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lab.investigation.queries.asking import Array, QueryError, UnknownError, plain, within
from lab.investigation.queries.tables import kind_of, world_table
from lab.investigation.view import View
from lab.recording.arrow import is_null, mask_array, numbers, texts_of
from lab.signals import drift

BARS = 30
SHOWN = (0.005, 0.995)
"""Quantiles between which bars are drawn; what lies outside is counted in the first and the last one."""
MOST_CATEGORIES = 20
MOST_PARTS = 8
FEW = 12
"""Whole numbers with so few different values are categories."""
NOW_INTERVALS, FIRST_INTERVALS = 12, 24
OTHER = "(other)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What is compared, in scenario seconds: now with before. By default the last intervals with the first ones."""

    since_s: float | None = None
    until_s: float | None = None
    before_since_s: float | None = None
    before_until_s: float | None = None


def distribution(
    view: View, at_s: float, table: str, column: str, windows: Windows, by: str | None = None
) -> dict[str, Any]:
    """Bars of a column's values, and how far they lie from those of the training sample, else from those before.

    `by`: another column by whose values what is now is split.
    """
    rows = world_table(view, at_s, table)
    for name in (column, by):
        if name is not None and name not in rows.column_names:
            raise UnknownError("unknown column", expected="a name from the list of tables")
    times_s = numbers(rows["time_s"])
    since_s = windows.since_s if windows.since_s is not None else max(0.0, at_s - NOW_INTERVALS * view.tick_s)
    until_s = windows.until_s if windows.until_s is not None else at_s
    usual_s = min(since_s, FIRST_INTERVALS * view.tick_s)  # later than that the incident may have begun
    before = (windows.before_since_s or 0.0, usual_s if windows.before_until_s is None else windows.before_until_s)
    is_now, is_before = within(times_s, since_s, until_s), within(times_s, *before)
    if windows.before_until_s is None:
        is_before &= times_s < since_s
    parts = {"now": rows.filter(mask_array(is_now)), "before": rows.filter(mask_array(is_before))}
    sample = _sample(view, at_s, column)
    is_category = kind_of(rows.schema.field(column).type) == "text" or _has_few(rows, column)
    make = _Categories if is_category else _Bars
    shape = make({name: part[column] for name, part in parts.items()} | ({"sample": sample} if sample else {}))
    found = {
        "table": table,
        "column": column,
        "now_s": [since_s, until_s],
        "before_s": list(before),
        **shape.axis(),
        **{name: shape.counted(parts[name][column]) for name in parts},
        "sample": shape.counted(sample) if sample else None,
    }
    reference = sample if sample else parts["before"][column]
    return {
        **found,
        "compared_with": "sample" if sample else "before",
        **shape.distances(parts["now"][column], reference),
        "by": _split(parts["now"], column, by, shape) if by is not None else None,
    }


def shows(view: View, at_s: float, column: str) -> list[str]:
    """Signals, as `SIGNAL:SUBJECT`, that are about a column: who looks at its distribution has seen what they tell."""
    subject = column.partition(".")[2] or column
    return [f"{one.signal}:{one.subject}" for one in view.signals(at_s) if one.subject == subject]


def _sample(view: View, at_s: float, column: str) -> pa.ChunkedArray | None:
    """The column in a sample of training rows, where the recording has one."""
    for name in view.whole.reference:
        if name.endswith(".parquet"):
            table = view.reference(name, at_s)
            if column in table.column_names and len(table):
                return table[column]
    return None


def _has_few(rows: pa.Table, column: str) -> bool:
    """Whether a column holds whole numbers of which there are few."""
    if not pa.types.is_integer(rows.schema.field(column).type):
        return False
    return len(np.unique(numbers(rows[column]))) <= FEW


def _split(now: pa.Table, column: str, by: str, shape: _Bars | _Categories) -> dict[str, Any]:
    """What is now, by the most frequent values of another column."""
    keys = _texts(now[by])
    values, counts = np.unique(keys[keys != np.array(None)].astype(str), return_counts=True)
    if len(values) > 200:
        raise QueryError("this column has too many values to split by", seen=str(len(values)), expected="at most 200")
    chosen = sorted(zip(counts.tolist(), values.tolist(), strict=True), reverse=True)[:MOST_PARTS]
    return {value: shape.counted(now[column].filter(mask_array(keys.astype(str) == value))) for _, value in chosen}


def _texts(column: pa.ChunkedArray) -> Array:
    """Values as texts, None for null; whole numbers without a point."""
    if kind_of(column.type) == "text":
        named = texts_of(pa.table([column], names=["of"]), "of")
        return np.array([*named.texts, None], object)[named.codes]
    values, places = np.unique(numbers(column).astype(np.float64), return_inverse=True)
    names = [f"{value:.12g}" if np.isfinite(value) else None for value in values.tolist()]
    return np.array(names, object)[places]


class _Bars:
    """Numbers, counted between edges at equal distances."""

    def __init__(self, columns: Mapping[str, pa.ChunkedArray]) -> None:
        known = np.concatenate([np.empty(0), *(_known(column) for column in columns.values())])
        low, high = np.quantile(known, SHOWN) if len(known) else (0.0, 1.0)
        if not high > low:
            low, high = float(low) - 0.5, float(high) + 0.5
        self._edges = np.linspace(low, high, BARS + 1)

    def axis(self) -> dict[str, Any]:
        return {"edges": plain(self._edges), "categories": None}

    def counted(self, column: pa.ChunkedArray) -> dict[str, Any]:
        known = _known(column)
        counts, _ = np.histogram(np.clip(known, self._edges[0], self._edges[-1]), self._edges)
        quantiles = np.quantile(known, (0.05, 0.5, 0.95)).tolist() if len(known) else [None] * 3
        return {
            "rows": len(column),
            "nulls": int(is_null(column).sum()),
            "counts": counts.tolist(),
            "mean": float(known.mean()) if len(known) else None,
            **dict(zip(("p5", "p50", "p95"), quantiles, strict=True)),
        }

    def distances(self, now: pa.ChunkedArray, reference: pa.ChunkedArray) -> dict[str, float | None]:
        actual, expected = _known(now), _known(reference)
        if not len(actual) or not len(expected):
            return {"psi": None, "ks": None}
        edges = drift.quantile_edges(expected)
        shares = [
            drift.shares(drift.bucketed(values, edges, np.zeros(len(values), np.intp), 1))
            for values in (actual, expected)
        ]
        return {"psi": float(drift.psi(*shares)[0]), "ks": float(drift.ks(*shares)[0])}


def _known(column: pa.ChunkedArray) -> Array:
    values = numbers(column).astype(np.float64)
    return np.asarray(values[np.isfinite(values)])


class _Categories:
    """Texts, or few numbers, counted by value."""

    def __init__(self, columns: Mapping[str, pa.ChunkedArray]) -> None:
        counts: dict[str, int] = {}
        for column in columns.values():
            for value, count in self._counts(column).items():
                counts[value] = counts.get(value, 0) + count
        ranked = sorted(counts, key=lambda value: (-counts[value], value))
        self._values = sorted(ranked[:MOST_CATEGORIES])
        self._has_others = len(ranked) > MOST_CATEGORIES

    @staticmethod
    def _counts(column: pa.ChunkedArray) -> dict[str, int]:
        texts = _texts(column)
        values, counts = np.unique(texts[texts != np.array(None)].astype(str), return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    def axis(self) -> dict[str, Any]:
        return {"edges": None, "categories": [*self._values, *([OTHER] if self._has_others else [])]}

    def counted(self, column: pa.ChunkedArray) -> dict[str, Any]:
        return {"rows": len(column), "nulls": int(is_null(column).sum()), "counts": list(self._bars(column))} | (
            dict.fromkeys(("mean", "p5", "p50", "p95"))
        )

    def _bars(self, column: pa.ChunkedArray) -> Iterator[int]:
        counts = self._counts(column)
        yield from (counts.pop(value, 0) for value in self._values)
        if self._has_others:
            yield sum(counts.values())

    def distances(self, now: pa.ChunkedArray, reference: pa.ChunkedArray) -> dict[str, float | None]:
        counts = [np.array([list(self._bars(column))]) for column in (now, reference)]
        if not all(one.sum() for one in counts):
            return {"psi": None, "ks": None}
        actual, expected = (drift.shares(one) for one in counts)
        return {"psi": float(drift.psi(actual, expected)[0]), "ks": None}
