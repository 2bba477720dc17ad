"""Tables of the system's world (served features, predictions…) as they could be seen at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from lab.investigation.queries.asking import Array, QueryError, UnknownError, within, without_nan
from lab.investigation.view import View
from lab.recording.arrow import is_null, numbers, numbers_array, texts_of
from lab.recording.schema import CORE
from lab.registration.recorded import Column

MOST_ROWS = 200
MOST_FILTERS = 10
_OF_CORE = frozenset(table.name for table in CORE.tables)


def tables(view: View, at_s: float) -> list[dict[str, Any]]:
    """The tables that this world's recordings have, with their columns and how many rows could be seen."""
    found = []
    for name in names(view):
        table = view.table(name, at_s)
        columns = [_column(view, name, column, table.schema.field(column).type) for column in table.column_names]
        doc = f"a row can be seen {view.whole.schema.tables[name].visible.doc}"
        found.append({"name": name, "doc": doc, "columns": columns, "rows": len(table)})
    return found


def names(view: View) -> list[str]:
    """Names of the tables that a world adds."""
    return [name for name in view.tables if name not in _OF_CORE]


def _column(view: View, table: str, column: str, kind: pa.DataType) -> dict[str, Any]:
    spec = spec_of(view, table, column)
    return {"name": column, "type": kind_of(kind), "doc": spec.doc if spec else ""}


def spec_of(view: View, table: str, column: str) -> Column | None:
    """What the schema says of a column."""
    return next((one for one in view.whole.schema.columns(table) if fnmatchcase(column, one.name)), None)


def kind_of(kind: pa.DataType) -> Literal["text", "number"]:
    """What the values of a column are."""
    is_text = pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return "text" if is_text else "number"


def world_table(view: View, at_s: float, name: str) -> pa.Table:
    """One of these tables; UnknownError for any other name."""
    if name not in names(view):
        raise UnknownError("unknown table", expected="a name from the list of tables")
    return view.table(name, at_s)


def rows(
    view: View,
    at_s: float,
    name: str,
    where: Sequence[str] = (),
    *,
    since_s: float | None = None,
    until_s: float | None = None,
    order: Literal["latest", "first"] = "latest",
    limit: int = 50,
) -> tuple[list[dict[str, Any]], bool]:
    """Rows of a table, at most `limit`, and whether there are more. `where`: conditions `COLUMN:VALUE`, all of which
    hold; the value `null` means that there is none."""
    table = world_table(view, at_s, name)
    found = np.flatnonzero(within(numbers(table["time_s"]), since_s, until_s) & _mask(table, conditions(where)))
    found = found[np.argsort(numbers(table["time_s"])[found], kind="stable")]
    limit = min(limit, MOST_ROWS)
    shown = found[::-1][:limit] if order == "latest" else found[:limit]
    chosen = table.take(numbers_array(np.ascontiguousarray(shown)))
    return [without_nan(row) for row in chosen.to_pylist()], len(found) > limit


def conditions(where: Sequence[str]) -> dict[str, str]:
    """Conditions by column; QueryError for what is none."""
    if len(where) > MOST_FILTERS:
        raise QueryError("too many conditions", seen=str(len(where)), expected=f"at most {MOST_FILTERS}")
    found = {}
    for one in where:
        column, colon, value = one.partition(":")
        if not colon or not column:
            raise QueryError("not a condition", seen=one[:100], expected="COLUMN:VALUE")
        found[column] = value
    return found


def _mask(table: pa.Table, wanted: Mapping[str, str]) -> Array:
    mask = np.ones(len(table), bool)
    for column, value in wanted.items():
        mask &= holds(table, column, value)
    return mask


def holds(table: pa.Table, column: str, value: str) -> Array:
    """Mask of the rows with a value in a column. UnknownError for a column that there is not, QueryError for a value
    that it cannot have."""
    if column not in table.column_names:
        raise UnknownError("unknown column", expected="a name from the list of tables")
    if value == "null":
        return is_null(table[column])
    if kind_of(table.schema.field(column).type) == "text":
        return texts_of(table, column).is_any([value])
    try:
        wanted = float(value)
    except ValueError:
        raise QueryError("not a value of this column", seen=value[:100], expected="a number, or null") from None
    return np.asarray(numbers(table[column]) == wanted)
