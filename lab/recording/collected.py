"""Records of a collector (spans, statements, log events) as the assembly of recordings wants them.

Span sides are in nanoseconds of the scenario's clock: a side ends at its scenario time and is as long as it really was.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.clock import NS
from lab.recording import texts
from lab.recording.sides import CLIENT, CLIENT_FINAL, SERVER, Sides, make_sides
from lab.recording.status import ERROR, NAMES, OK
from lab.systems.calls import CallGraph
from lab.systems.topology import System

Array = npt.NDArray[Any]
Columns = dict[str, Any]
Events = dict[str, list[dict[str, Any]]]
"""Log events of a run by name, in order of time"""
LOGGED = ("call_failed", "feature_contract_violation", "job_run", "version_loaded")
"""Log events that become lines of the log table; others carry content"""


class Clock(Protocol):
    """Scenario time by the real clock. `duration_s`: the scenario's length; `lab.agreed.run.Run` is one."""

    @property
    def duration_s(self) -> float: ...

    def scenario_s(self, unix_s: float) -> float: ...


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Records of a newline-delimited JSON file; a last line cut short is left out."""
    with path.open("rb") as file:
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def span_frame(records: list[dict[str, Any]], system: System) -> pd.DataFrame:
    """Spans of the system's calls and jobs, named after the caller's step, once each.

    Columns: service, peer, kind, name, status, attempt, trace_id, span_id, parent_span_id, start_ns, end_ns (Unix).
    A server span whose caller reported nothing belongs to no call of the system and is left out.
    """
    columns = ["service", "kind", "name", "trace_id", "span_id", "parent_span_id", "start_ns", "end_ns", "is_error"]
    frame = pd.DataFrame.from_records([{c: r[c] for c in columns} for r in records], columns=columns)
    for column, attribute, default in (
        ("status", "lab.status", ""),
        ("peer", "peer.service", None),
        ("attempt", "lab.attempt", 0),
    ):
        frame[column] = [r["attributes"].get(attribute, default) for r in records]
    frame = frame[frame["service"].isin(system.components)].drop_duplicates("span_id").reset_index(drop=True)
    clients = frame[frame["kind"].isin(["client", "producer"])].set_index("span_id")
    is_server = frame["kind"].isin(["server", "consumer"])
    called = frame["parent_span_id"].where(is_server)
    own = frame["status"].where(frame["status"] != "", np.where(frame["is_error"].astype(bool), "error", "ok"))
    # Where a service only knows that it failed, its caller's status says how.
    of_caller = called.map(clients["status"]).where(frame["is_error"].astype(bool) & (frame["status"] == ""))
    frame["status"] = of_caller.where(of_caller.isin(["unavailable"]), own)
    for column, source in (("name", "name"), ("peer", "service"), ("attempt", "attempt")):
        frame[column] = called.map(clients[source]).where(is_server, frame[column])
    return frame[frame["name"].notna()].reset_index(drop=True)


def call_sides(spans: pd.DataFrame, graph: CallGraph, run: Clock, statements: pd.DataFrame | None = None) -> Sides:
    """All sides that ended within the run, for `lab.recording.assembly.Measured`.

    `spans`: as `span_frame` gives them. `statements`: as `statement_frame` does, where a database logs its work.
    """
    code = {name: i for i, name in enumerate(NAMES)}
    followed = set(zip(spans["trace_id"], spans["parent_span_id"], spans["name"], spans["attempt"], strict=True))
    rows: list[tuple[int, int, int, int, int]] = []
    for row in spans.itertuples():
        if row.kind == "internal":
            index: int | None = graph.job_run(row.service)
        else:
            edge = graph.edge(row.peer if row.kind in ("server", "consumer") else row.service, row.name)
            index = edge.index if edge else None
        side = SERVER
        if row.kind in ("client", "producer"):
            following = (row.trace_id, row.parent_span_id, row.name, row.attempt + 1)
            side = CLIENT if following in followed else CLIENT_FINAL
        if index is not None:
            rows.append((row.start_ns, row.end_ns, index, code.get(row.status, ERROR), side))
    for row in statements.itertuples() if statements is not None else ():
        if edge := graph.edge(row.application, row.step):
            rows.append((row.start_ns, row.end_ns, edge.index, ERROR if row.is_error else OK, SERVER))
    return _sides(rows, run)


def _sides(rows: list[tuple[int, int, int, int, int]], run: Clock) -> Sides:
    """Sides that end within the run, of (start and end in Unix ns, edge, status, side)."""
    start_ns, end_ns, edge, status, side = np.array(rows, np.int64).reshape(-1, 5).T
    ends = np.array([round(run.scenario_s(end / NS) * NS) for end in end_ns.tolist()], np.int64)
    sides = make_sides(
        len(rows), request=-1, start_ns=ends - (end_ns - start_ns), end_ns=ends, edge=edge, status=status, side=side
    )
    return sides[(ends >= 0) & (ends <= round(run.duration_s * NS))]


def statement_frame(records: list[dict[str, Any]], spans: pd.DataFrame, system: System) -> pd.DataFrame:
    """Statements of one attempt together: application, step, operation, trace_id, start_ns, end_ns (Unix), is_error.

    The time is what the database spent on them; a statement that was broken off counts from its caller's start.
    """
    columns = ["application", "step", "operation", "trace_id", "start_ns", "end_ns", "is_error"]
    steps = {(name, s.operation): s.name for name, c in system.components.items() for s in c.steps if s.operation}
    started = dict(zip(spans["span_id"], spans["start_ns"], strict=True))
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["span_id"], []).append(record)
    rows = []
    for span_id, group in groups.items():
        first, end_ns = group[0], round(max(record["end_s"] for record in group) * NS)
        step = steps.get((first["application"], first["action"]))
        known = [record["duration_s"] for record in group if record["duration_s"] is not None]
        spent_ns = round(sum(known) * NS) if known else max(0, end_ns - started.get(span_id, end_ns))
        is_error = any(record["is_error"] for record in group)
        if step:
            rows.append(
                (first["application"], step, first["action"], first["trace_id"], end_ns - spent_ns, end_ns, is_error)
            )
    return pd.DataFrame(rows, columns=columns).sort_values("end_ns", kind="stable", ignore_index=True)


def span_columns(spans: pd.DataFrame, run: Clock) -> Columns:
    """The span table: spans that ended within the run, as they were sent; durations are real."""
    ends_s = np.array([run.scenario_s(end_ns / NS) for end_ns in spans["end_ns"]], float)
    spans = spans[(ends_s >= 0) & (ends_s <= run.duration_s)].sort_values("end_ns", kind="stable")
    start_ns, end_ns = spans["start_ns"].to_numpy(np.int64), spans["end_ns"].to_numpy(np.int64)
    return {
        "time_s": np.array([run.scenario_s(start / NS) for start in start_ns.tolist()], float),
        "duration_s": (end_ns - start_ns) / NS,
        "trace_id": spans["trace_id"].to_numpy(),
        "span_id": spans["span_id"].tolist(),
        "parent_span_id": [parent or None for parent in spans["parent_span_id"]],
        "service.name": spans["service"].to_numpy(),
        "peer.service": spans["peer"].to_numpy(),
        "span.kind": spans["kind"].to_numpy(),
        "span.name": spans["name"].to_numpy(),
        "status": spans["status"].to_numpy(),
        "attempt": spans["attempt"].to_numpy(np.int64),
    }


def by_event(records: list[dict[str, Any]], run: Clock, before_s: float = 0.0) -> Events:
    """Log events by name, in order of time, of the run and of `before_s` before it; `time_s` is added to each."""
    events: Events = {}
    for record in records:
        time_s = run.scenario_s(record["time_ns"] / NS)
        if -before_s <= time_s <= run.duration_s:
            events.setdefault(record["event"], []).append(record | {"time_s": time_s})
    for found in events.values():
        found.sort(key=lambda record: record["time_ns"])
    return events


def after(events: Events, time_s: float) -> Events:
    """Those from a scenario time on."""
    found = {name: [event for event in of if event["time_s"] >= time_s] for name, of in events.items()}
    return {name: of for name, of in found.items() if of}


def log_columns(events: Events, statements: pd.DataFrame, run: Clock, database: str) -> Columns:
    """The log table in time order: what components wrote, and the database's statements."""
    lines: list[tuple[Any, ...]] = []
    for name in LOGGED:
        for event in events.get(name, []):
            facts = event["attributes"]
            about = (event["trace_id"] or None, facts.get("subject"), facts.get("duration_s", np.nan), event["body"])
            lines.append((event["time_s"], event["service"], event["severity"], name, *about))
    for row in statements.itertuples():
        time_s, seconds = run.scenario_s(row.end_ns / NS), (row.end_ns - row.start_ns) / NS
        if 0 <= time_s <= run.duration_s:
            body = texts.statement(row.operation, seconds)
            lines.append((time_s, database, "INFO", "statement", row.trace_id, row.application, seconds, body))
    lines.sort(key=lambda line: (line[0], line[4] or "", line[1], line[3]))
    names = ("time_s", "service.name", "severity_text", "event.name", "trace_id", "subject", "duration_s", "body")
    columns = list(zip(*lines, strict=True)) if lines else [()] * len(names)
    return {name: list(values) for name, values in zip(names, columns, strict=True)} | {
        "time_s": np.array(columns[0], float),
        "duration_s": np.array(columns[6], float),
    }
