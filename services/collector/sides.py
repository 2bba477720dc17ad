"""Collected spans and statements in the form that the metric definitions are written for: one row per side of a call.

Times are nanoseconds of the scenario's clock; a side ends at its scenario time and is as long as it really was.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.clock import NS
from lab.recording.status import ERROR, NAMES, OK
from lab.systems.topology import System
from lab.testbeds.sim.recorder import CLIENT, CLIENT_FINAL, SERVER, Recorder
from lab.testbeds.sim.state import SystemState, build
from services.common.run import Run

Array = npt.NDArray[Any]


def state_of(system: System) -> SystemState:
    """The topology with its edges numbered. No scrape is left out on purpose: real ones go missing by themselves."""
    return build(system.model_copy(update={"missing_sample_ratio": 0.0}), defaultdict(lambda: None))  # type: ignore[arg-type]


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
    clients = frame[frame["kind"] == "client"].set_index("span_id")
    is_server = frame["kind"] == "server"
    called = frame["parent_span_id"].where(is_server)
    own = frame["status"].where(frame["status"] != "", np.where(frame["is_error"].astype(bool), "error", "ok"))
    # A service that knows no more than "failed" failed as its caller was told, where that says more.
    told = called.map(clients["status"]).where(frame["is_error"].astype(bool) & (frame["status"] == ""))
    frame["status"] = told.where(told.isin(["unavailable"]), own)
    for column, source in (("name", "name"), ("peer", "service"), ("attempt", "attempt")):
        frame[column] = called.map(clients[source]).where(is_server, frame[column])
    return frame[frame["name"].notna()].reset_index(drop=True)


def call_sides(spans: pd.DataFrame, statements: pd.DataFrame, state: SystemState, run: Run) -> Array:
    """All sides that ended within the run, as the simulator's recorder packs them."""
    edge_of = {(edge.caller.name, edge.name): edge.index for edge in state.edges}
    job_of = {name: -1 - component.index for name, component in state.components.items()}
    code = {name: i for i, name in enumerate(NAMES)}
    followed = set(zip(spans["parent_span_id"], spans["name"], spans["attempt"], strict=True))
    recorder = Recorder()
    for row in spans.itertuples():
        if row.kind == "internal":
            edge, side = job_of[row.service], SERVER
        elif row.kind == "server":
            edge, side = edge_of.get((row.peer, row.name)), SERVER
        else:
            edge = edge_of.get((row.service, row.name))
            side = CLIENT if (row.parent_span_id, row.name, row.attempt + 1) in followed else CLIENT_FINAL
        if edge is not None:
            _add(recorder, run, (row.start_ns, row.end_ns), edge, status=code.get(row.status, ERROR), side=side)
    for row in statements.itertuples():
        if (edge := edge_of.get((row.application, row.step))) is not None:
            _add(recorder, run, (row.start_ns, row.end_ns), edge, status=ERROR if row.is_error else OK, side=SERVER)
    return recorder.spans()


def _add(recorder: Recorder, run: Run, unix_ns: tuple[int, int], edge: int, *, status: int, side: int) -> None:
    start_ns, end_ns = unix_ns
    end = round(run.scenario_s(end_ns / NS) * NS)
    if 0 <= end <= round(run.duration_s * NS):
        recorder.span(-1, end - (end_ns - start_ns), end, 0, edge, status, side)


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
