"""Bodies of answers about what could be observed: the system, signals, traces, logs."""

from __future__ import annotations

from typing import Any, Literal

from lab.api.models import Answer


class HealthAnswer(Answer):
    """How something is, told from its signals: now against the first part of the incident."""

    state: Literal["ok", "warn", "bad", "unknown"]
    why: str


class ComponentAnswer(Answer):
    """A component, its place in the drawing and its health; `needs`: of a job the jobs that it waits for."""

    name: str
    kind: str
    runtime: str
    workers: int | None
    tables: list[str]
    settings: dict[str, Any]
    steps: list[dict[str, Any]]
    needs: list[str]
    row: float
    column: int
    health: HealthAnswer


class LinkAnswer(Answer):
    """A network path from a caller to what it calls, and its health."""

    name: str
    caller: str
    callee: str
    health: HealthAnswer


class SliAnswer(Answer):
    """A service level indicator: its level at first and now; `slo` is the limit set to it."""

    name: str
    subject: str
    unit: str
    doc: str
    bad: Literal["rises", "falls"]
    now: float | None
    at_first: float | None
    slo: dict[str, Any] | None


class SystemAnswer(Answer):
    """The system, with the health of its parts."""

    as_of_s: float
    name: str
    title: str
    users: str | None
    components: list[ComponentAnswer]
    links: list[LinkAnswer]
    slos: list[dict[str, Any]]
    slis: list[SliAnswer]


class SignalAnswer(Answer):
    """A signal, and the subjects that have it by now."""

    signal: str
    unit: str
    doc: str
    group: str
    subjects: list[str]


class Signals(Answer):
    """The signals that there are by now."""

    as_of_s: float
    signals: list[SignalAnswer]


class SeriesAnswer(Answer):
    """A signal of one subject: a value for the end of each scrape interval, null where nothing was observed."""

    signal: str
    subject: str
    unit: str
    times_s: list[float]
    values: list[float | None]


class SeriesList(Answer):
    """Series, in the order in which they were asked for."""

    as_of_s: float
    series: list[SeriesAnswer]


class TraceRow(Answer):
    """A trace by its root span; `failed_spans` of its `spans` neither succeeded nor missed."""

    trace_id: str
    time_s: float
    duration_s: float
    service: str
    peer: str | None
    name: str
    status: str
    spans: int
    failed_spans: int


class Traces(Answer):
    """Traces that were found."""

    as_of_s: float
    traces: list[TraceRow]


class SpanAnswer(Answer):
    """A span; `depth` counts from 0 at the root."""

    span_id: str
    parent_span_id: str | None
    service: str
    peer: str | None
    kind: str
    name: str
    status: str
    attempt: int
    time_s: float
    duration_s: float
    depth: int


class TraceLog(Answer):
    """A log line about one request."""

    time_s: float
    service: str
    severity: str
    event: str
    subject: str | None
    duration_s: float | None
    body: str


class TraceAnswer(Answer):
    """One request: its spans, each after its parent, and its log lines."""

    as_of_s: float
    trace_id: str
    spans: list[SpanAnswer]
    logs: list[TraceLog]


class LogRow(TraceLog):
    """A log line; `id` is its number, which never changes."""

    id: int
    trace_id: str | None


class Logs(Answer):
    """Log lines; `more`: others fit too (ask with `before` the last one, or `after` it where the oldest come first)."""

    as_of_s: float
    logs: list[LogRow]
    more: bool
