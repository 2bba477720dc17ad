"""One request as a waterfall: which trace to show, and its spans as nested rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lab.recording.observed import Observed
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
    at_s: float
    duration: str
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


def pick(observed: Observed, culprit: str | None, window: tuple[float, float] | None) -> Waterfall | None:
    """A trace of the fault window that passes through the culprit: a typical failed one, else the slowest.

    Requests of users come before runs of jobs. Without a culprit, or where nothing reached it, the slowest request.
    """
    spans = observed.frame("spans")
    if window is not None:
        inside = spans[(spans["time_s"] >= window[0]) & (spans["time_s"] < window[1])]
        # A trace that began before the window would be shown without its head.
        whole = inside[inside["parent_span_id"].isna()]["trace_id"]
        spans = inside[inside["trace_id"].isin(whole)]
    if not len(spans):
        return None
    roots = spans[spans["parent_span_id"].isna()]
    users = roots[roots["service.name"] == observed.system["users"]]
    reached = spans[touching(spans, culprit)] if culprit else spans
    through = _among(users, reached["trace_id"]) if len(users) else roots
    through = through if len(through) else _among(roots, reached["trace_id"])
    if not len(through):
        reached, through, culprit = spans, users if len(users) else roots, None
    failed = _among(through, reached[~reached["status"].isin(SOUND)]["trace_id"]) if culprit else through.iloc[:0]
    ranked = (failed if len(failed) else through).sort_values(["duration_s", "trace_id"], kind="stable")
    chosen = ranked.iloc[len(ranked) // 2 if len(failed) else -1]
    during = "during the fault" if window is not None else "of the run"
    if culprit is None:
        reason = f"slowest request {during}"
    elif len(failed):
        reason = f"typical request {during} that failed at {culprit} ({len(failed)} of {len(through)} through it did)"
    else:
        reason = f"slowest request {during} through {culprit}; none failed there"
    return _waterfall(spans[spans["trace_id"] == chosen["trace_id"]], reason, culprit)


def _among(roots: pd.DataFrame, trace_ids: pd.Series) -> pd.DataFrame:
    return roots[roots["trace_id"].isin(trace_ids)]


def _waterfall(spans: pd.DataFrame, reason: str, culprit: str | None) -> Waterfall:
    ordered = spans.sort_values(["time_s", "span_id"], kind="stable")
    touches = touching(ordered, culprit) if culprit else ordered["attempt"] < 0
    records: list[Mapping[str, Any]] = ordered.assign(touches=touches).to_dict("records")
    known = {span["span_id"] for span in records}
    children: dict[str, list[Mapping[str, Any]]] = {}
    for span in records:
        parent = span["parent_span_id"]
        children.setdefault(parent if parent in known else "", []).append(span)
    start_s = min(span["time_s"] for span in records)
    length_s = max(span["time_s"] + span["duration_s"] for span in records) - start_s or 1e-9
    rows: list[Row] = []
    stack = [(span, 0) for span in reversed(children.get("", []))]
    while stack:
        span, depth = stack.pop()
        rows.append(_row(span, depth, start_s, length_s))
        stack += [(child, depth + 1) for child in reversed(children.get(span["span_id"], []))]
    trace_id = str(records[0]["trace_id"])
    shown, length = tuple(rows[:MAX_ROWS]), quantity(length_s, "s")
    return Waterfall(trace_id, reason, round(float(start_s), 3), length, shown, len(rows) - len(shown))


def _row(span: Mapping[str, Any], depth: int, start_s: float, length_s: float) -> Row:
    peer, here, kind = span["peer.service"], str(span["service.name"]), str(span["span.kind"])
    where = f"{here} → {peer}" if kind == "client" and isinstance(peer, str) else here
    left = (span["time_s"] - start_s) / length_s * 100
    width = min(max(span["duration_s"] / length_s * 100, 0.4), 100.0)
    status = str(span["status"])
    return Row(
        depth, str(span["span.name"]), where, kind, status, status not in SOUND, int(span["attempt"]),
        quantity(float(span["duration_s"]), "s"), round(min(left, 100 - width), 2), round(width, 2), bool(span["touches"]),
    )  # fmt: skip
