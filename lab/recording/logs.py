"""The log table: lines that components wrote, failed calls, statement logs and job runs; rendered only now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording import paths, texts
from lab.recording.ids import Ids
from lab.recording.recorder import CLIENT_FINAL, SERVER, LogRecord
from lab.recording.status import MISS, NAMES
from lab.systems.calls import CallGraph

Array = npt.NDArray[Any]
Line = tuple[int, str, str, str, int, str | None, float, str]
"""time_ns, component, severity, event, request, subject, duration_s, body"""

TEMPLATES: dict[str, Callable[..., str]] = {
    "feature_contract_violation": lambda _, reason: texts.contract_violation(reason),
    "version_loaded": texts.version_loaded,
}


def columns(
    graph: CallGraph, written: Sequence[LogRecord], sides: Array, ids: Ids, start_ns: int, end_ns: int
) -> dict[str, Any]:
    """The log table as columns, in time order."""
    lines = [_line(record) for record in written if start_ns <= record.time_ns <= end_ns]
    lines += [*_failed_calls(sides, graph), *_statements(sides, graph), *_job_runs(sides, graph)]
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
    body = TEMPLATES[record.template](*record.arguments)
    subject = str(record.arguments[0]) if record.template == "feature_contract_violation" else None
    return record.time_ns, record.component, record.level, record.template, record.request, subject, np.nan, body


def _failed_calls(sides: Array, graph: CallGraph) -> list[Line]:
    failed = sides[(sides["side"] != SERVER) & (sides["status"] > MISS)]
    lines: list[Line] = []
    attempts = paths.attempt(failed["path"]).tolist()
    for side, attempt in zip(failed.tolist(), attempts, strict=True):
        request, start_ns, end_ns, _, edge_index, status, kind = side
        edge, seconds = graph.edges[edge_index], (end_ns - start_ns) / NS
        is_last = kind == CLIENT_FINAL
        body = texts.call_failed(
            edge.name, edge.callee, NAMES[status], attempt, is_last=is_last, fallback=edge.step.fallback
        )
        lines.append((end_ns, edge.caller, "WARN", "call_failed", request, edge.callee, seconds, body))
    return lines


def _statements(sides: Array, graph: CallGraph) -> list[Line]:
    """A database reports no spans but logs statements, with the trace id from the SQL comment."""
    lines: list[Line] = []
    for edge in graph.edges:
        if graph.system.components[edge.callee].telemetry != "statement-log":
            continue
        mine = sides[(sides["side"] == SERVER) & (sides["edge"] == edge.index)]
        for request, start_ns, end_ns, *_ in mine.tolist():
            seconds = (end_ns - start_ns) / NS
            body = texts.statement(edge.step.operation or edge.name, seconds)
            lines.append((end_ns, edge.callee, "INFO", "statement", request, edge.caller, seconds, body))
    return lines


def _job_runs(sides: Array, graph: CallGraph) -> list[Line]:
    lines: list[Line] = []
    for job in graph.jobs:
        for request, start_ns, end_ns, _, _, status, _ in sides[sides["edge"] == graph.job_run(job)].tolist():
            level, body = "INFO" if status <= MISS else "ERROR", texts.job_run(NAMES[status])
            lines.append((end_ns, job, level, "job_run", request, None, (end_ns - start_ns) / NS, body))
    return lines
