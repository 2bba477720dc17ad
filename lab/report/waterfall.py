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
MORE_COMMON, RARE = 3.0, 0.01
"""A failure is the fault's when its share of the requests is this many times the usual one, and this much more."""


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
    """A trace of the fault window through the culprit: one that failed in the fault's way, else the slowest.

    A failure counts as the fault's when it is clearly more common in the window than outside: first one at the culprit
    itself, then one anywhere in the trace. Requests of users come before runs of jobs. Without a culprit, or where
    nothing reached it, the slowest request.
    """
    spans = observed.frame("spans")
    roots = spans[spans["parent_span_id"].isna()]
    # A trace that began before the window belongs to the time before.
    inside = roots["time_s"].between(*window, inclusive="left") if window else roots["time_s"].notna()
    users = roots["service.name"] == observed.system["users"]
    at_culprit = touching(spans, culprit) if culprit else spans["attempt"] < 0
    through = roots["trace_id"].isin(spans.loc[at_culprit, "trace_id"])
    group = next((g for g in (inside & through & users, inside & through, inside & users) if g.any()), inside)
    if not group.any():
        return None
    during = "during the fault" if window is not None else "of the run"
    if culprit is None or not (group & through).any():
        reason = f"The slowest request {during}" + (f"; none passed through {culprit}" if culprit else "")
        return _waterfall(spans, _by_length(roots[group])[-1], reason, None)
    failed = ~spans["status"].isin(SOUND)
    for where, which in ((f" at {culprit}", failed & at_culprit), ("", failed)):
        hit = roots["trace_id"].isin(spans.loc[which, "trace_id"])
        usual = float(hit[through & ~inside].mean()) if (through & ~inside).any() else 0.0
        if float(hit[group].mean()) >= MORE_COMMON * usual + RARE:
            ranked = _by_length(roots[group & hit])
            many = f"{len(ranked)} of {int(group.sum())} through {culprit} did"
            reason = f"A typical request {during} that failed{where} ({many})"
            return _waterfall(spans, ranked[len(ranked) // 2], reason, culprit)
    reason = f"The slowest request {during} through {culprit}; failures were no more common than at other times"
    return _waterfall(spans, _by_length(roots[group])[-1], reason, culprit)


def _by_length(roots: pd.DataFrame) -> list[str]:
    """Trace ids, shortest first."""
    return list(roots.sort_values(["duration_s", "trace_id"], kind="stable")["trace_id"])


def _waterfall(spans: pd.DataFrame, trace_id: str, reason: str, culprit: str | None) -> Waterfall:
    ordered = spans[spans["trace_id"] == trace_id].sort_values(["time_s", "span_id"], kind="stable")
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
    shown, length = tuple(rows[:MAX_ROWS]), quantity(length_s, "s")
    return Waterfall(trace_id, reason, culprit or "", round(float(start_s), 3), length, shown, len(rows) - len(shown))


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
