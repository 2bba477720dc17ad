"""Tables of a recording: names, columns, types, units. The single source for writers, readers and `docs/recording.md`.

Times are scenario seconds since load start, durations seconds, ratios 0 to 1. Names follow OpenTelemetry. Each column,
metric and log event declares the least level of observability at which a system has it. Each table, column and file
declares when it becomes visible, so that a recording can be cut at any time (`lab.recording.cut`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lab.systems.observability import Observability

SCHEMA_VERSION = 1
"""The form of recordings that this lab writes and reads."""
LABEL_WINDOW_S = 30.0
"""Label window where `reference/contract.json` has no `label_window_s`: how long after showing a click still counts."""


class Visible(NamedTuple):
    """When a row, an entry or a value can be seen: at the sum of these fields of it, in scenario seconds.

    A label window is added where `ripens`. With `published` it is when the model version was published, which other
    telemetry tells. Without any of them it is there from the start.
    """

    doc: str
    fields: tuple[str, ...] = ()
    ripens: bool = False
    published: bool = False


AT_ITS_TIME = Visible("at its `time_s`", ("time_s",))
AT_ITS_END = Visible("at its end, `time_s` + `duration_s`", ("time_s", "duration_s"))
RIPE = Visible("when its label window has closed, `time_s` + the label window; null before", ("time_s",), ripens=True)
FROM_THE_START = Visible("from the start")
PUBLISHED = Visible("each version when it was published", published=True)


class Column(NamedTuple):
    """One column: `type` is float, int, string or `category` (a string with few values); null allowed where `null`.

    `level` is the least level of observability at which it exists; a table without any column does not exist.
    `visible` is when its value can be seen, None where it can be seen with its row. `otherwise` is what all rows have
    where a recording has no such column; None where every recording has it, as far as its level goes.
    """

    name: str
    type: str
    doc: str
    null: bool = False
    level: Observability = "poor"
    visible: Visible | None = None
    otherwise: float | None = None


def _weight(level: Observability) -> Column:
    doc = "how many rows this one stands for, where rows are sampled: one over the chance that it was kept"
    return Column("sample_weight", "float", doc, level=level, otherwise=1.0)


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
    _weight("poor"),
)
METRICS = (
    Column("time_s", "float", "end of the interval the value is for"),
    Column("service.name", "category", "component that reports it; `host` for the machine under all of them"),
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
    _weight("poor"),
)
FEATURES = (
    Column("time_s", "float", "when the features were assembled from the row", level="usual"),
    Column("trace_id", "category", "request", level="usual"),
    Column("user_id", "int", "entity", level="usual"),
    Column("source", "category", "component the row came from, `default` where none came", level="usual"),
    Column("row_age_s", "float", "age of the database row when served", null=True, level="usual"),
    Column("entry_age_s", "float", "age of the cache entry when served", null=True, level="rich"),
    Column(
        "feature.*", "float", "value of each feature as read; null for SQL NULL or no row", null=True, level="usual"
    ),
    _weight("usual"),
)
PREDICTIONS = (
    Column("time_s", "float", "when the item was shown", level="usual"),
    Column("trace_id", "category", "request", level="usual"),
    Column("service.name", "category", "component that made the prediction", level="usual"),
    Column("item_id", "int", "item shown", level="usual"),
    Column("position", "int", "place on the page, from 1", level="usual"),
    Column("model_version", "int", "version that scored it, 0 for none (fallback)", level="usual"),
    Column("score", "float", "predicted click probability", null=True, level="usual"),
    Column(
        "outcome",
        "float",
        "1 clicked, 0 not, null while the label window was open at the end",
        null=True,
        level="usual",
        visible=RIPE,
    ),
    Column("label_delay_s", "float", "time from showing to click", null=True, level="usual", visible=RIPE),
    Column("input.*", "float", "the model's inputs, logged for a sample of the requests", null=True, level="usual"),
    _weight("usual"),
)
TABLES = {"spans": SPANS, "metrics": METRICS, "logs": LOGS, "features": FEATURES, "predictions": PREDICTIONS}

ROWS_VISIBLE: Mapping[str, Visible] = {
    "spans": AT_ITS_END,
    "metrics": AT_ITS_TIME,
    "logs": AT_ITS_TIME,
    "features": AT_ITS_TIME,
    "predictions": AT_ITS_TIME,
}
"""When a row of each table can be seen."""


class File(NamedTuple):
    """One file of `observed/` that is no table of `TABLES`, and when it, or each entry in it, can be seen."""

    name: str
    doc: str
    visible: Visible


FILES = (
    File("system.json", "the system: components, links, SLOs; `duration_s` is the recording's length", FROM_THE_START),
    File("changes.jsonl", "the change log: each entry when it was announced", AT_ITS_TIME),
    File("alerts.jsonl", "alerts of SLOs: each entry when the alert fired or resolved", AT_ITS_TIME),
    File("reference/contract.json", "the schema contract of the features", FROM_THE_START),
    File("reference/training_sample.parquet", "rows that the first model version was trained on", FROM_THE_START),
    File("reference/registry.json", "the model registry: parameters and validation of each version", PUBLISHED),
)


class Metric(NamedTuple):
    """One metric: values are over the scrape interval (counts are of that interval, not running totals)."""

    name: str
    unit: str
    doc: str
    level: Observability = "poor"


METRIC_LIST = (
    Metric("client.request.count", "1", "attempts finished over a link, seen by the caller"),
    Metric("client.error.count", "1", "attempts that failed, timeouts included"),
    Metric("client.timeout.count", "1", "attempts that timed out", level="usual"),
    Metric("client.retry.count", "1", "attempts that were followed by another", level="usual"),
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
    Metric("fallback.count", "1", "times a caller used the fallback named by `attribute`", level="usual"),
    Metric("job.run.count", "1", "job runs finished"),
    Metric("job.failure.count", "1", "job runs that failed"),
    Metric("job.last_success.age", "s", "time since a run of the job last succeeded"),
    Metric("cache.hit.count", "1", "look-ups answered from the cache"),
    Metric("cache.miss.count", "1", "look-ups without an entry"),
    Metric("cache.expired.count", "1", "entries that came to the end of their time to live"),
    Metric("cache.entries", "1", "entries held"),
    Metric("model.version", "1", "version that is served", level="usual"),
    Metric(
        "system.pressure.stalled.ratio",
        "ratio",
        "share of the interval in which `some` task, or in `full` all of them, waited for a resource of the host named "
        "by `attribute`, such as `cpu.some` (pressure stall information)",
    ),
    Metric("system.cpu.steal.ratio", "ratio", "share of the host's CPU time that its hypervisor gave to others"),
    Metric("recommendation.impression.count", "1", "items shown, at the time of showing"),
    Metric("recommendation.click.count", "1", "clicks, at the time of clicking"),
)


class LogEvent(NamedTuple):
    """One kind of log line, and what of it is left where observability is less than `level`.

    Below `level` only lines whose duration is at least `slow_s` are written, where that is given; the others say
    `plain` and name no subject, where that is given.
    """

    name: str
    doc: str
    level: Observability = "poor"
    slow_s: float | None = None
    plain: str = ""


LOG_EVENTS = (
    LogEvent("call_failed", "an attempt over a link failed; `subject` is the component called"),
    LogEvent(
        "feature_contract_violation",
        "a row could not be read as features; `subject` is the column",
        level="rich",
        plain="feature row violates its contract",
    ),
    LogEvent(
        "statement", "the database ran a statement; `subject` is the component that asked", level="rich", slow_s=0.1
    ),
    LogEvent("job_run", "a run of a job ended"),
    LogEvent("version_loaded", "the model server serves another version"),
)

LOADED_VERSION = r"servable version (\d+)"
"""What the line of `version_loaded` says of the version, as a regular expression."""

TRACES_KEPT: Mapping[Observability, float] = {"poor": 0.05, "usual": 1.0, "rich": 1.0}
"""Share of the traces whose spans are kept, chosen by trace id as OpenTelemetry's ratio sampler does."""
