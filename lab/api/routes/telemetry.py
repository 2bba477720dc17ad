"""What could be observed by a session's clock: alerts, changes, the system, signals, traces, logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from lab.api.asking import Name, Seen, Time, Trainings
from lab.api.models import AlertRow, Alerts, ChangeRow, Changes
from lab.api.seen import Logs, SeriesList, Signals, SystemAnswer, TraceAnswer, Traces
from lab.api.wanted import WantedLogs, WantedTraces
from lab.investigation.queries import logs, signals, system, traces
from lab.investigation.queries.asking import without_nan

router = APIRouter(prefix="/sessions/{session}", tags=["telemetry"])


@router.get("/alerts", operation_id="list_alerts")
def list_alerts(seen: Seen, training: Trainings) -> Alerts:
    """Alerts that fired or resolved so far. An alert names an objective and where it is felt, never a culprit."""
    training.looking.note(seen.session, "alerts", "", seen.at_s)
    rows = [AlertRow.model_validate(without_nan(entry)) for entry in seen.view.alerts(seen.at_s)]
    return Alerts(as_of_s=seen.at_s, alerts=rows)


@router.get("/changes", operation_id="list_changes")
def list_changes(seen: Seen, training: Trainings) -> Changes:
    """What was announced so far: deploys, migrations, campaigns."""
    training.looking.note(seen.session, "changes", "", seen.at_s)
    rows = [ChangeRow.model_validate(without_nan(entry)) for entry in seen.view.changes(seen.at_s)]
    return Changes(as_of_s=seen.at_s, changes=rows)


@router.get("/system", operation_id="get_system")
def get_system(seen: Seen, training: Trainings) -> SystemAnswer:
    """The components and links of the system with their health now, its objectives, and what users feel."""
    training.looking.note_all(seen.session, "signal", system.shown(seen.view, seen.at_s), seen.at_s)
    return SystemAnswer.model_validate({"as_of_s": seen.at_s, **system.system(seen.view, seen.at_s)})


@router.get("/signals", operation_id="list_signals")
def list_signals(seen: Seen) -> Signals:
    """The signals that there are by now, each with its unit, its meaning and its subjects."""
    return Signals.model_validate({"as_of_s": seen.at_s, "signals": signals.catalogue(seen.view, seen.at_s)})


@router.get("/series", operation_id="get_series")
def get_series(
    seen: Seen,
    training: Trainings,
    of: Annotated[list[Name], Query(max_length=signals.MOST_SERIES, description="SIGNAL:SUBJECT, up to 12 of them")],
    since_s: Time | None = None,
    until_s: Time | None = None,
) -> SeriesList:
    """Signals over time, up to now."""
    found = signals.series(seen.view, seen.at_s, of, since_s, until_s)
    shown = (f"{one['signal']}:{one['subject']}" for one in found if one["times_s"])
    training.looking.note_all(seen.session, "signal", shown, seen.at_s)
    return SeriesList.model_validate({"as_of_s": seen.at_s, "series": found})


@router.get("/traces", operation_id="find_traces")
def find_traces(asked: Annotated[WantedTraces, Query()], seen: Seen, training: Trainings) -> Traces:
    """Finds traces by what happened in them, how long they took, and when they began."""
    training.looking.note(seen.session, "traces", f"{asked.service or ''}:{asked.status or ''}", seen.at_s)
    return Traces.model_validate({"as_of_s": seen.at_s, "traces": traces.traces(seen.view, seen.at_s, asked.wanted())})


@router.get("/traces/{trace_id}", operation_id="get_trace")
def get_trace(
    seen: Seen,
    training: Trainings,
    trace_id: Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$", description="hex digits")],
) -> TraceAnswer:
    """One request through the whole system: its spans, each after its parent, and its log lines."""
    found = traces.trace(seen.view, seen.at_s, trace_id)
    training.looking.note(seen.session, "trace", trace_id, seen.at_s)
    return TraceAnswer.model_validate({"as_of_s": seen.at_s, **found})


@router.get("/logs", operation_id="find_logs")
def find_logs(asked: Annotated[WantedLogs, Query()], seen: Seen, training: Trainings) -> Logs:
    """Finds log lines, newest first or oldest first."""
    found, more = logs.logs(seen.view, seen.at_s, asked.wanted())
    training.looking.note(seen.session, "logs", f"{asked.service or ''}:{asked.event or ''}", seen.at_s)
    return Logs.model_validate({"as_of_s": seen.at_s, "logs": found, "more": more})
