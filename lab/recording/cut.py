"""Cutting a recording: what could be seen of it at an earlier time. The only function that cuts is `cut`.

When something can be seen is declared in `lab.recording.schema` and by the world, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.clock import NS
from lab.errors import Problem, UserError, nearest
from lab.recording.arrow import mask_array, numbers
from lab.recording.observed import Check, Deferred, Observed
from lab.recording.rows import kept_rows
from lab.recording.schema import LINEAGE, Schema
from lab.registration.recorded import Column, Visible
from lab.registration.world import loaded

Array = npt.NDArray[Any]


def cut(observed: Observed, at_s: float) -> Observed:
    """What could be seen at `at_s` (scenario seconds), as if the recording ended then.

    Whatever became visible at `at_s` or before is in it, and nothing in it depends on what came after. At the end of
    the recording it is the recording itself. UserError for a time outside of the recording, and for a table, column or
    file that declares no time.
    """
    at_s = checked_time(at_s, observed.end_s)
    if at_s == observed.end_s:
        return observed
    by = _By(at_s, label_window_s(observed), observed.schema)
    changes = [entry for entry in observed.changes if by.is_entry_visible("changes.jsonl", entry)]
    alerts = [entry for entry in observed.alerts if by.is_entry_visible("alerts.jsonl", entry)]
    tables = {name: by.table(name, table) for name, table in observed.tables.items()}
    reference = {name: by.reference(name, content, observed) for name, content in observed.reference.items()}
    lineage = observed.lineage
    if lineage is not None:
        lineage = [entry for entry in lineage if by.is_entry_visible(LINEAGE, entry)]
    return Observed({**observed.system, "duration_s": at_s}, tables, changes, alerts, reference, lineage)


def needs_telemetry(schema: Schema, reference: str) -> bool:
    """Whether other telemetry tells what a file of `reference/` was by a time: it cannot be cut alone."""
    return bool(_file_visible(schema, f"reference/{reference}").entries)


def checked_time(at_s: float, end_s: float) -> float:
    """A time at which a recording of this length can be cut, to the nanosecond; UserError for any other."""
    expected = f"a time from 0 s up to the recording's end at {end_s:g} s"
    if not math.isfinite(at_s):
        raise UserError(Problem("a recording cannot be cut at this time", seen=f"{at_s:g}", expected=expected))
    if round(at_s * NS) < 0:
        hint = "second 0 is the start of the load; the warm-up before it is not recorded"
        raise UserError(Problem("before the recording begins", seen=f"{at_s:g} s", expected=expected, hint=hint))
    if round(at_s * NS) > round(end_s * NS):
        raise UserError(Problem("after the recording ends", seen=f"{at_s:g} s", expected=expected))
    return end_s if round(at_s * NS) == round(end_s * NS) else round(at_s * NS) / NS


def check_declared(observed: Observed, check: Check | None = None) -> None:
    """UserError for a table, column or file of a recording that does not declare when it becomes visible.

    Columns of tables that are not made yet are checked when they are: to make them all now would take the memory of
    all. `check`: what then checks them, for who names whose tables they are; `columns_declared` else.
    """
    schema = observed.schema
    for name in observed.tables:
        _columns_of(schema, name)
    for name in observed.reference:
        _file_visible(schema, f"reference/{name}")
    check = check or partial(columns_declared, schema)
    if isinstance(observed.tables, Deferred):
        observed.tables.check(check)
    else:
        for name, table in observed.tables.items():
            check(name, table)


def columns_declared(schema: Schema, name: str, table: pa.Table) -> None:
    """UserError for a column of a table that does not declare when it becomes visible."""
    for column in table.column_names:
        _declared(schema, name, column)


def label_window_s(observed: Observed) -> float:
    """How long after its event an outcome is settled, as the recording's contract says, else as its world says."""
    given = observed.reference.get("contract.json", {}).get("label_window_s", observed.schema.label_window_s)
    return 0.0 if given is None else float(given)


class _By:
    """What was visible by a time. Times are compared in whole nanoseconds, after they are summed."""

    def __init__(self, at_s: float, window_s: float, schema: Schema) -> None:
        self._schema = schema
        self._at_ns = _ns(at_s)
        self._window_ns = _ns(window_s)
        self._at_s = at_s

    def is_entry_visible(self, file: str, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of a list can be seen."""
        visible = _file_visible(self._schema, file)
        return bool(self._moment_ns(visible, {name: entry[name] for name in visible.fields}) <= self._at_ns)

    def table(self, name: str, table: pa.Table) -> pa.Table:
        """The rows that can be seen, with nulls for values that cannot be seen yet."""
        columns = {column: _declared(self._schema, name, column) for column in table.column_names}
        rows = kept_rows(table, self._is_visible(self._schema.tables[name].visible, table))
        for column, declared in columns.items():
            if declared.visible is not None:
                shown = mask_array(self._is_visible(declared.visible, rows))
                values = rows[column]
                hidden = pc.if_else(shown, values, pa.nulls(1, values.type)[0])
                rows = rows.set_column(rows.column_names.index(column), column, hidden)
        return rows.combine_chunks()

    def reference(self, name: str, content: Any, observed: Observed) -> Any:
        """A file of `reference/` as it was by then."""
        entries = _file_visible(self._schema, f"reference/{name}").entries
        return loaded(entries)(observed, self._at_s, content) if entries else content

    def _is_visible(self, visible: Visible, table: pa.Table) -> Array:
        fields = {name: numbers(table[name]) for name in visible.fields}
        return np.broadcast_to(self._moment_ns(visible, fields) <= self._at_ns, table.num_rows)

    def _moment_ns(self, visible: Visible, fields: Mapping[str, Any]) -> Any:
        moment_s = sum((np.asarray(value, np.float64) for value in fields.values()), np.float64(0))
        return _ns(moment_s) + (self._window_ns if visible.ripens else 0.0)


def _ns(seconds: Any) -> Any:
    """The nearest whole nanosecond (of two the later) as a float; NaN stays NaN and is never visible.

    Seconds and their parts are taken apart, so that it is exact for times on the grid of recordings.
    """
    whole = np.floor(seconds)
    return whole * NS + np.floor((seconds - whole) * NS + 0.5)


def _columns_of(schema: Schema, table: str) -> Sequence[Column]:
    if table not in schema.tables:
        raise _undeclared(f"table {table!r}", nearest(table, schema.tables))
    return schema.columns(table)


def _declared(schema: Schema, table: str, column: str) -> Column:
    known = _columns_of(schema, table)
    found = next((spec for spec in known if fnmatchcase(column, spec.name)), None)
    if found is None:
        raise _undeclared(f"column {column!r} of {table!r}", nearest(column, [spec.name for spec in known]))
    return found


def _file_visible(schema: Schema, name: str) -> Visible:
    if name not in schema.files:
        raise _undeclared(f"file {name!r}", nearest(name, schema.files))
    return schema.files[name].visible


def _undeclared(what: str, hint: str) -> UserError:
    why = f"this recording cannot be cut: nothing says when its {what} becomes visible"
    return UserError(Problem(why, expected="what docs/recording.md and the page of the world list", hint=hint))
