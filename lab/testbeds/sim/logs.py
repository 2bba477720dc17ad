"""Structured logs, rendered only now: lines the components wrote, failed calls, and statement logs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording.status import MISS, NAMES
from lab.testbeds.sim import paths
from lab.testbeds.sim.ids import Ids
from lab.testbeds.sim.recorder import CLIENT_FINAL, SERVER, LogRecord
from lab.testbeds.sim.state import SystemState

Array = npt.NDArray[Any]
Line = tuple[int, str, str, str, int, str | None, float, str]
"""time_ns, component, severity, event, request, subject, duration_s, body"""

TEMPLATES = {
    "feature_contract_violation": "feature row violates its contract: {1}",
    "version_loaded": "successfully loaded servable version {0}",
}


def columns(
    written: list[LogRecord], sides: Array, state: SystemState, ids: Ids, span_ns: tuple[int, int]
) -> dict[str, Any]:
    """The log table as columns, in time order."""
    start_ns, end_ns = span_ns
    lines = [_line(record) for record in written if start_ns <= record.time_ns <= end_ns]
    lines += [*_failed_calls(sides, state), *_statements(sides, state), *_job_runs(sides, state)]
    # Ties at one nanosecond are broken by content, never by the order of collection.
    lines.sort(key=lambda line: (line[0], line[4], line[1], line[3], line[7]))
    times, components, severities, events, requests, subjects, durations, bodies = (
        zip(*lines, strict=True) if lines else [()] * 8
    )
    return {
        "time_s": (np.array(times, np.int64) - start_ns) / NS,
        "service.name": list(components),
        "severity_text": list(severities),
        "event.name": list(events),
        "trace_id": ids.trace_array(np.array(requests, np.int64)).dictionary_decode(),
        "subject": list(subjects),
        "duration_s": np.array(durations, float),
        "body": list(bodies),
    }


def _line(record: LogRecord) -> Line:
    body = TEMPLATES[record.template].format(*record.arguments)
    subject = str(record.arguments[0]) if record.template == "feature_contract_violation" else None
    return record.time_ns, record.component, record.level, record.template, record.request, subject, np.nan, body


def _failed_calls(sides: Array, state: SystemState) -> list[Line]:
    failed = sides[(sides["side"] != SERVER) & (sides["status"] > MISS)]
    lines: list[Line] = []
    attempts = paths.attempt(failed["path"]).tolist()
    for side, attempt in zip(failed.tolist(), attempts, strict=True):
        request, start_ns, end_ns, _, edge_index, status, kind = side
        edge = state.edges[edge_index]
        then = "giving up" if kind == CLIENT_FINAL else "retrying"
        if kind == CLIENT_FINAL and edge.spec.fallback:
            then = f"falling back to {edge.spec.fallback}"
        body = f"{edge.name}: call to {edge.callee.name} failed: {NAMES[status]} (attempt {attempt + 1}); {then}"
        seconds = (end_ns - start_ns) / NS
        lines.append((end_ns, edge.caller.name, "WARN", "call_failed", request, edge.callee.name, seconds, body))
    return lines


def _statements(sides: Array, state: SystemState) -> list[Line]:
    """A database reports no spans but logs statements, with the trace id from the SQL comment."""
    lines: list[Line] = []
    for edge in state.edges:
        if edge.callee.spec.telemetry != "statement-log":
            continue
        mine = sides[(sides["side"] == SERVER) & (sides["edge"] == edge.index)]
        name, operation = edge.callee.name, edge.spec.operation or edge.name
        for request, start_ns, end_ns, *_ in mine.tolist():
            seconds = (end_ns - start_ns) / NS
            body = f"duration: {seconds * 1e3:.3f} ms  statement: {operation}"
            lines.append((end_ns, name, "INFO", "statement", request, edge.caller.name, seconds, body))
    return lines


def _job_runs(sides: Array, state: SystemState) -> list[Line]:
    lines: list[Line] = []
    for component in state.components.values():
        if component.spec.kind != "job":
            continue
        for request, start_ns, end_ns, _, _, status, _ in sides[sides["edge"] == -1 - component.index].tolist():
            good = status <= MISS
            body = "run finished" if good else f"run failed: {NAMES[status]}"
            seconds = (end_ns - start_ns) / NS
            lines.append((end_ns, component.name, "INFO" if good else "ERROR", "job_run", request, None, seconds, body))
    return lines
