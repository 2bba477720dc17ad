"""Log lines as they could be seen at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.investigation.queries.asking import Array, within
from lab.investigation.view import View
from lab.recording.arrow import numbers, numbers_array, texts_of

MOST_LINES = 500
Order = Literal["latest", "first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines are looked for, and in which order. `contains`: in their text, in any case.

    `before`, `after`: a line's id, from there back or on.
    """

    service: str | None = None
    severity: str | None = None
    event: str | None = None
    contains: str | None = None
    trace_id: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    before: int | None = None
    after: int | None = None
    order: Order = "latest"
    limit: int = 100


def logs(view: View, at_s: float, wanted: Wanted) -> tuple[list[dict[str, Any]], bool]:
    """Lines, at most `limit` of them, and whether there are more. `id` is a line's number, which never changes."""
    if "logs" not in view.tables:
        return [], False
    table = view.table("logs", at_s)
    rows = np.flatnonzero(_mask(table, wanted))
    if wanted.contains:
        bodies = table["body"].take(numbers_array(rows)).cast(pa.string())
        found = pc.match_substring(bodies, wanted.contains, ignore_case=True)
        rows = rows[np.asarray(found.combine_chunks().to_numpy(zero_copy_only=False), bool)]
    limit = min(wanted.limit, MOST_LINES)
    shown = rows[-limit:][::-1] if wanted.order == "latest" else rows[:limit]
    lines = table.take(numbers_array(np.ascontiguousarray(shown))).to_pylist()
    return [_line(row, number) for row, number in zip(lines, shown.tolist(), strict=True)], len(rows) > limit


def _mask(table: pa.Table, wanted: Wanted) -> Array:
    mask = within(numbers(table["time_s"]), wanted.since_s, wanted.until_s)
    named = {"service.name": wanted.service, "severity_text": wanted.severity, "event.name": wanted.event}
    for column, text in named.items():
        if text is not None:
            mask &= texts_of(table, column).is_any([text])
    if wanted.trace_id is not None:
        mask &= texts_of(table, "trace_id").is_any([wanted.trace_id])
    if wanted.before is not None:
        mask[max(0, wanted.before) :] = False
    if wanted.after is not None:
        mask[: max(0, wanted.after) + 1] = False
    return mask


def _line(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "id": number,
        "time_s": row["time_s"],
        "service": row["service.name"],
        "severity": row["severity_text"],
        "event": row["event.name"],
        "trace_id": row["trace_id"],
        "subject": row.get("subject"),
        "duration_s": row.get("duration_s"),
        "body": row["body"],
    }
