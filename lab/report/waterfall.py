"""One request as a waterfall: its spans as nested rows on one time scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lab.recording.status import MISS, NAMES, OK
from lab.report.format import quantity

SOUND = (NAMES[OK], NAMES[MISS])
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


def touching(spans: pd.DataFrame, element: str) -> pd.Series:
    """Which spans involve a component, or pass over a link (`caller->callee`) on either side."""
    here, there = spans["service.name"], spans["peer.service"]
    caller, _, callee = element.partition("->")
    if not callee:
        return (here == element) | (there == element)
    server = spans["span.kind"] == "server"
    return ((here == caller) & (there == callee) & ~server) | ((here == callee) & (there == caller) & server)


def draw(spans: pd.DataFrame, trace_id: str, reason: str, culprit: str, at_least_s: float = 0.0) -> Waterfall:
    """The spans of one trace, children under their parents; the scale covers `at_least_s` seconds."""
    ordered = spans[spans["trace_id"] == trace_id].sort_values(["time_s", "span_id"], kind="stable")
    touches = touching(ordered, culprit) if culprit else ordered["attempt"] < 0
    records: list[Mapping[str, Any]] = ordered.assign(touches=touches).to_dict("records")
    known = {span["span_id"] for span in records}
    children: dict[str, list[Mapping[str, Any]]] = {}
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


def _row(span: Mapping[str, Any], depth: int, start_s: float, length_s: float) -> Row:
    peer, here, kind = span["peer.service"], str(span["service.name"]), str(span["span.kind"])
    where = f"{here} → {peer}" if kind == "client" and isinstance(peer, str) else here
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
