"""Tables of a recording: names, columns, types, units. The single source for writers, readers and `docs/recording.md`.

Times are scenario seconds since load start, durations seconds, ratios 0 to 1. Names follow OpenTelemetry.
"""

from __future__ import annotations

from typing import NamedTuple

SCHEMA_VERSION = 1


class Column(NamedTuple):
    """One column: `type` is float, int, string or `category` (a string with few values); null allowed where `null`."""

    name: str
    type: str
    doc: str
    null: bool = False


SPANS = (
    Column("time_s", "float", "start"),
    Column("duration_s", "float", "length"),
    Column("trace_id", "category", "32 hex digits, one per request"),
    Column("span_id", "string", "16 hex digits"),
    Column("parent_span_id", "string", "the span this one happened in", null=True),
    Column("service.name", "category", "component that reports the span"),
    Column("peer.service", "category", "component called, or calling for server spans", null=True),
    Column("span.kind", "category", "client, server or internal"),
    Column("span.name", "category", "step of the caller's call plan"),
    Column("status", "category", "ok, miss, error, timeout, refused, reset, unavailable, dependency_failed"),
    Column("attempt", "int", "0 for the first, counting retries"),
)
METRICS = (
    Column("time_s", "float", "end of the interval the value is for"),
    Column("service.name", "category", "component that reports it"),
    Column("metric", "category", "name, see the metric list"),
    Column("peer.service", "category", "component called, for client metrics", null=True),
    Column("attribute", "category", "what the value is split by, such as the fallback's name", null=True),
    Column("value", "float", "value over the interval, in the metric's unit"),
)
LOGS = (
    Column("time_s", "float", "when"),
    Column("service.name", "category", "component that logs"),
    Column("severity_text", "category", "DEBUG, INFO, WARN, ERROR"),
    Column("event.name", "category", "what the line is about"),
    Column("trace_id", "string", "request, if it is about one", null=True),
    Column("subject", "category", "called component, column or job that the line names", null=True),
    Column("duration_s", "float", "measured time, for statements and job runs", null=True),
    Column("body", "string", "the line"),
)
FEATURES = (
    Column("time_s", "float", "when the row was read"),
    Column("trace_id", "category", "request"),
    Column("user_id", "int", "entity"),
    Column("source", "category", "component the row came from, `default` where none came"),
    Column("row_age_s", "float", "age of the database row when served", null=True),
    Column("entry_age_s", "float", "age of the cache entry when served", null=True),
    Column("feature.*", "float", "value of each feature as read; null for SQL NULL or no row", null=True),
)
PREDICTIONS = (
    Column("time_s", "float", "when the item was shown"),
    Column("trace_id", "category", "request"),
    Column("service.name", "category", "component that made the prediction"),
    Column("item_id", "int", "item shown"),
    Column("position", "int", "place on the page, from 1"),
    Column("model_version", "int", "version that scored it, 0 for none (fallback)"),
    Column("score", "float", "predicted click probability", null=True),
    Column("outcome", "float", "1 clicked, 0 not, null while the label window was open at the end", null=True),
    Column("label_delay_s", "float", "time from showing to click", null=True),
    Column("input.*", "float", "the model's inputs, logged for a sample of the requests", null=True),
)
TABLES = {"spans": SPANS, "metrics": METRICS, "logs": LOGS, "features": FEATURES, "predictions": PREDICTIONS}


class Metric(NamedTuple):
    """One metric: values are over the scrape interval (counts are of that interval, not running totals)."""

    name: str
    unit: str
    doc: str


METRIC_LIST = (
    Metric("client.request.count", "1", "attempts finished over a link, seen by the caller"),
    Metric("client.error.count", "1", "attempts that failed, timeouts included"),
    Metric("client.timeout.count", "1", "attempts that timed out"),
    Metric("client.retry.count", "1", "attempts that were followed by another"),
    Metric("client.request.duration.mean", "s", "mean duration of attempts"),
    Metric("client.request.duration.p50", "s", "median duration of attempts"),
    Metric("client.request.duration.p95", "s", "95th percentile of attempts"),
    Metric("server.request.count", "1", "requests handled"),
    Metric("server.error.count", "1", "requests answered with an error"),
    Metric("server.request.duration.mean", "s", "mean time from arrival to answer"),
    Metric("server.request.duration.p50", "s", "median of the same"),
    Metric("server.request.duration.p95", "s", "95th percentile of the same"),
    Metric("process.cpu.utilization", "ratio", "busy share of the component's workers"),
    Metric("process.cpu.throttled.ratio", "ratio", "share of busy time that was waiting for CPU quota"),
    Metric("fallback.count", "1", "times a caller used the fallback named by `attribute`"),
    Metric("job.run.count", "1", "job runs finished"),
    Metric("job.failure.count", "1", "job runs that failed"),
    Metric("job.last_success.age", "s", "time since a run of the job last succeeded"),
    Metric("cache.hit.count", "1", "look-ups answered from the cache"),
    Metric("cache.miss.count", "1", "look-ups without an entry"),
    Metric("cache.entries", "1", "entries held"),
    Metric("model.version", "1", "version that is served"),
    Metric("recommendation.impression.count", "1", "items shown, at the time of showing"),
    Metric("recommendation.click.count", "1", "clicks, at the time of clicking"),
)
