"""How much of a run its operators get to see: one function cuts a recording down to the system's observability."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from lab.recording.arrow import coded, mask_array, numbers, texts_array
from lab.recording.rows import dictionary_of, kept_rows
from lab.recording.schema import TRACES_KEPT, Schema
from lab.registration.observability import Observability, seen_at
from lab.registration.recorded import Column
from lab.systems.topology import System


def is_shown(schema: Schema, table: str, level: Observability) -> bool:
    """Whether a table exists at a level: one of its columns does."""
    return any(seen_at(level, column.level) for column in schema.columns(table))


def shown(schema: Schema, name: str, table: pa.Table, level: Observability) -> pa.Table:
    """A table as operators of a system of this observability see it; every testbed ends with this.

    Columns, metrics and log lines that exist from a higher level on are left out. What is kept depends on nothing but
    the row itself, so that the twin keeps the same.
    """
    table = _columns(schema, name, table, level)
    if name == "metrics":
        hidden = [metric.name for metric in schema.metrics.values() if not seen_at(level, metric.level)]
        return _rows(table, ~coded(table["metric"]).is_any(hidden))
    return _log_lines(schema, table, level) if name == "logs" else table


def traces_kept(system: System) -> float:
    """The share of traces that a system keeps for its observability, where its sampling does not say otherwise."""
    return TRACES_KEPT[system.observability] if system.observe.sampling.traces >= 1 else 1.0


def _columns(schema: Schema, name: str, table: pa.Table, level: Observability) -> pa.Table:
    kept = [column for column in table.column_names if seen_at(level, _declared(schema, name, column).level)]
    return table if len(kept) == table.num_columns else table.select(kept)


def _declared(schema: Schema, table: str, column: str) -> Column:
    return next(spec for spec in schema.columns(table) if fnmatchcase(column, spec.name))


def _rows(table: pa.Table, kept: npt.NDArray[Any]) -> pa.Table:
    """The rows kept; texts that no row uses any more leave the dictionaries as well."""
    return table if kept.all() else kept_rows(table, kept)


def _log_lines(schema: Schema, logs: pa.Table, level: Observability) -> pa.Table:
    events, duration_s = coded(logs["event.name"]), numbers(logs["duration_s"])
    kept = np.ones(logs.num_rows, bool)
    for event in schema.log_events.values():
        mine = events.is_any([event.name])
        if seen_at(level, event.level) or not mine.any():
            continue
        if event.slow_s is not None:
            kept &= ~mine | (duration_s >= event.slow_s)
        if event.plain:
            for column, text in (("subject", None), ("body", event.plain)):
                plain = pa.compute.if_else(mask_array(mine), texts_array([text])[0], logs[column].cast(pa.string()))
                changed = dictionary_of(plain) if pa.types.is_dictionary(logs[column].type) else plain
                logs = logs.set_column(logs.column_names.index(column), column, changed)
    return _rows(logs, kept)
