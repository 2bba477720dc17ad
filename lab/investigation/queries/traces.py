"""Traces as they could be seen at a time: found by what happened in them, or looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.investigation.queries.asking import Array, UnknownError, within
from lab.investigation.view import View
from lab.recording.arrow import codes, is_null, mask_array, numbers, numbers_array, texts_of

MOST_TRACES = 200
MOST_SPANS = 2_000
"""Spans of one trace that are shown; the first ones."""
GOOD = ("ok", "miss")
"""Statuses of spans in which nothing failed."""
Order = Literal["slowest", "latest", "first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which traces are looked for.

    `service` and `status`: of any one span of the trace, of the same where both are given. Durations are the root's. A
    span is of the component that it ran in and of the one that it called: databases have no spans of their own.
    """

    service: str | None = None
    status: str | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    since_s: float | None = None
    until_s: float | None = None
    order: Order = "latest"
    limit: int = 50


def traces(view: View, at_s: float, wanted: Wanted) -> list[dict[str, Any]]:
    """Traces by their root spans, at most `limit` of them."""
    if "spans" not in view.tables:
        return []
    spans = view.table("spans", at_s)
    roots = np.flatnonzero(is_null(spans["parent_span_id"]))
    ids = texts_of(spans, "trace_id")
    times_s, durations_s = numbers(spans["time_s"])[roots], numbers(spans["duration_s"])[roots]
    mask = within(times_s, wanted.since_s, wanted.until_s)
    mask &= within(durations_s, wanted.min_duration_s, wanted.max_duration_s)
    if wanted.service is not None or wanted.status is not None:
        mask &= np.isin(ids.codes[roots], ids.codes[_such_spans(spans, wanted)])
    chosen = _ordered(np.flatnonzero(mask), times_s, durations_s, wanted)
    counts = np.bincount(ids.codes, minlength=len(ids.texts))
    failed = np.bincount(ids.codes[_failed(spans)], minlength=len(ids.texts))
    rows = spans.take(numbers_array(roots[chosen]))
    found = []
    for row, code in zip(rows.to_pylist(), ids.codes[roots[chosen]].tolist(), strict=True):
        found.append(
            {
                "trace_id": row["trace_id"],
                "time_s": row["time_s"],
                "duration_s": row["duration_s"],
                "service": row["service.name"],
                "peer": row.get("peer.service"),
                "name": row["span.name"],
                "status": row["status"],
                "spans": int(counts[code]),
                "failed_spans": int(failed[code]),
            }
        )
    return found


def _such_spans(spans: pa.Table, wanted: Wanted) -> Array:
    mask = np.ones(len(spans), bool)
    if wanted.service is not None:
        mask &= _of(spans, "service.name", wanted.service) | _of(spans, "peer.service", wanted.service)
    if wanted.status is not None:
        mask &= texts_of(spans, "status").is_any([wanted.status])
    return mask


def _of(spans: pa.Table, column: str, name: str) -> Array:
    return texts_of(spans, column).is_any([name])


def _failed(spans: pa.Table) -> Array:
    return ~texts_of(spans, "status").is_any(GOOD)


def _ordered(rows: Array, times_s: Array, durations_s: Array, wanted: Wanted) -> Array:
    by = {"slowest": -durations_s[rows], "latest": -times_s[rows], "first": times_s[rows]}[wanted.order]
    return np.asarray(rows[np.argsort(by, kind="stable")][: min(wanted.limit, MOST_TRACES)])


def trace(view: View, at_s: float, trace_id: str) -> dict[str, Any]:
    """One trace: its spans, each after its parent with its depth, and its log lines. UnknownError: there is none."""
    spans = list(_rows(view, "spans", at_s, trace_id))
    if not spans:
        raise UnknownError("unknown trace", expected="the id of a trace that has ended by now and was kept")
    logs = [_log(row) for row in _rows(view, "logs", at_s, trace_id)]
    return {"trace_id": trace_id, "spans": list(_nested(spans[:MOST_SPANS])), "logs": logs}


def _rows(view: View, table: str, at_s: float, trace_id: str) -> Iterator[dict[str, Any]]:
    if table in view.tables:
        rows = view.table(table, at_s)
        yield from rows.filter(_equals(rows["trace_id"], trace_id)).to_pylist()


def _equals(column: pa.ChunkedArray, text: str) -> pa.ChunkedArray:
    """Mask of the rows of a column of texts that hold one; a dictionary is searched instead of the rows."""
    if not pa.types.is_dictionary(column.type):
        return pc.equal(column, text)
    array = column.unify_dictionaries().combine_chunks()
    places = np.flatnonzero(np.asarray(pc.equal(array.dictionary, text).to_numpy(zero_copy_only=False), bool))
    return mask_array(np.isin(codes(array), places))


def _nested(spans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Spans depth first, those of one parent by their start; a span whose parent is not there is a root."""
    known = {span["span_id"] for span in spans}
    below: dict[str | None, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda one: (one["time_s"], -one["duration_s"])):
        parent = span["parent_span_id"] if span["parent_span_id"] in known else None
        below.setdefault(parent, []).append(span)
    waiting = [(span, 0) for span in reversed(below.get(None, []))]
    while waiting:
        span, depth = waiting.pop()
        yield _span(span, depth)
        waiting += [(child, depth + 1) for child in reversed(below.get(span["span_id"], []))]


def _span(row: dict[str, Any], depth: int) -> dict[str, Any]:
    return {
        "span_id": row["span_id"],
        "parent_span_id": row["parent_span_id"],
        "service": row["service.name"],
        "peer": row.get("peer.service"),
        "kind": row["span.kind"],
        "name": row["span.name"],
        "status": row["status"],
        "attempt": row["attempt"],
        "time_s": row["time_s"],
        "duration_s": row["duration_s"],
        "depth": depth,
    }


def _log(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "time_s": row["time_s"],
        "service": row["service.name"],
        "severity": row["severity_text"],
        "event": row["event.name"],
        "subject": row.get("subject"),
        "duration_s": row.get("duration_s"),
        "body": row["body"],
    }
