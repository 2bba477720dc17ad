"""One request as a waterfall: its spans as nested rows on one time scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.report.format import quantity
from lab.report.requests import SOUND, Record

MAX_ROWS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One span. `left` and `width` are percentages of the trace's length; `touches` where the culprit is involved."""

    depth: int
    name: str
    where: str
    kind: str
    status: str
    failed: bool
    attempt: int
    duration: str
    left: float
    width: float
    touches: bool


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A trace to show, why it was picked, and how many of its spans are left out."""

    trace_id: str
    reason: str
    culprit: str
    at_s: float
    length_s: float
    duration: str
    scale: str
    rows: tuple[Row, ...]
    left_out: int


def draw(records: Sequence[Record], trace_id: str, reason: str, culprit: str, at_least_s: float = 0.0) -> Waterfall:
    """The spans of one request, children under their parents; the scale covers `at_least_s` seconds."""
    known = {span["span_id"] for span in records}
    children: dict[str, list[Record]] = {}
    for span in records:
        parent = span["parent_span_id"]
        children.setdefault(parent if parent in known else "", []).append(span)
    start_s = min(span["time_s"] for span in records)
    length_s = max(span["time_s"] + span["duration_s"] for span in records) - start_s
    scale_s = max(length_s, at_least_s) or 1e-9
    rows: list[Row] = []
    stack = [(span, 0) for span in reversed(children.get("", []))]
    while stack:
        span, depth = stack.pop()
        rows.append(_row(span, depth, start_s, scale_s))
        stack += [(child, depth + 1) for child in reversed(children.get(span["span_id"], []))]
    shown = tuple(rows[:MAX_ROWS])
    return Waterfall(
        trace_id, reason, culprit, round(float(start_s), 3), float(length_s), quantity(length_s, "s"),
        quantity(scale_s, "s"), shown, len(rows) - len(shown),
    )  # fmt: skip


def _row(span: Record, depth: int, start_s: float, length_s: float) -> Row:
    peer, here, kind = span["peer.service"], str(span["service.name"]), str(span["span.kind"])
    where = f"{here} → {peer}" if kind in ("client", "producer") and isinstance(peer, str) else here
    left = (span["time_s"] - start_s) / length_s * 100
    width = min(max(span["duration_s"] / length_s * 100, 0.4), 100.0)
    status = str(span["status"])
    return Row(
        depth=depth,
        name=str(span["span.name"]),
        where=where,
        kind=kind,
        status=status,
        failed=status not in SOUND,
        attempt=int(span["attempt"]),
        duration=quantity(float(span["duration_s"]), "s"),
        left=round(min(left, 100 - width), 2),
        width=round(width, 2),
        touches=bool(span["touches"]),
    )
