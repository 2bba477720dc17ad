"""How much of a run its operators get to see: one function cuts a recording down to the system's observability."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from lab.recording.arrow import coded, mask_array, numbers, texts_array
from lab.recording.observed import Observed
from lab.recording.rows import dictionary_of, kept_rows
from lab.recording.schema import LOG_EVENTS, METRIC_LIST, TABLES, TRACES_KEPT, Column
from lab.systems.observability import Observability, seen_at

_SAMPLER_DIGITS = 14
"""OpenTelemetry's ratio sampler compares the last 56 bits of the trace id with the ratio."""


def reduce(observed: Observed) -> Observed:
    """The same run as a system of its own `observability` (in `system.json`) shows it; every testbed ends with this.

    Columns, metrics and log lines that exist from a higher level on are left out, and so are traces that are not
    sampled. What is kept depends on nothing but the row itself, so that the twin keeps the same.
    """
    level: Observability = observed.system["observability"]
    tables = {name: _columns(name, table, level) for name, table in observed.tables.items()}
    tables = {name: table for name, table in tables.items() if table.num_columns}
    if "metrics" in tables:
        hidden = [metric.name for metric in METRIC_LIST if not seen_at(level, metric.level)]
        tables["metrics"] = _rows(tables["metrics"], ~coded(tables["metrics"]["metric"]).is_any(hidden))
    if "logs" in tables:
        tables["logs"] = _log_lines(tables["logs"], level)
    if "spans" in tables and TRACES_KEPT[level] < 1:
        tables["spans"] = _rows(tables["spans"], _sampled(tables["spans"], TRACES_KEPT[level]))
    return Observed(observed.system, tables, observed.changes, observed.alerts, observed.reference)


def _columns(name: str, table: pa.Table, level: Observability) -> pa.Table:
    kept = [column for column in table.column_names if seen_at(level, _declared(name, column).level)]
    return table if len(kept) == table.num_columns else table.select(kept)


def _declared(table: str, column: str) -> Column:
    return next(spec for spec in TABLES[table] if fnmatchcase(column, spec.name))


def _rows(table: pa.Table, kept: npt.NDArray[Any]) -> pa.Table:
    """The rows kept; texts that no row uses any more leave the dictionaries as well."""
    return table if kept.all() else kept_rows(table, kept)


def _sampled(spans: pa.Table, share: float) -> npt.NDArray[Any]:
    codes, traces = coded(spans["trace_id"])
    chosen = [int(trace[-_SAMPLER_DIGITS:], 16) < share * 16**_SAMPLER_DIGITS for trace in traces]
    kept: npt.NDArray[Any] = np.asarray(chosen, bool)[codes]
    return kept


def _log_lines(logs: pa.Table, level: Observability) -> pa.Table:
    events, duration_s = coded(logs["event.name"]), numbers(logs["duration_s"])
    kept = np.ones(logs.num_rows, bool)
    for event in LOG_EVENTS:
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
