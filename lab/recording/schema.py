"""The form of a recording: what every recording has is here, what a world adds is in its registration.

The single source for writers, readers and `docs/recording.md`. Times are scenario seconds since load start, durations
seconds, ratios 0 to 1. When something becomes visible is declared here or by the world, and cut by `lab.recording.cut`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from lab.errors import Problem, UserError
from lab.registration.observability import Observability
from lab.registration.recorded import (
    AT_ITS_END,
    AT_ITS_TIME,
    FROM_THE_START,
    Column,
    File,
    LogEvent,
    Metric,
    Recorded,
    Table,
    sample_weight,
)
from lab.registration.world import recorded_world

SCHEMA_VERSION = 1
"""The form of recordings that this lab writes and reads."""

SPANS = (
    Column("time_s", "float", "start"),
    Column("duration_s", "float", "length"),
    Column("trace_id", "category", "32 hex digits, one per request"),
    Column("span_id", "string", "16 hex digits"),
    Column("parent_span_id", "string", "the span this one happened in", null=True),
    Column("service.name", "category", "component that reports the span"),
    Column("peer.service", "category", "component called, or calling for server spans", null=True),
    Column("span.kind", "category", "client, server, internal; of messages producer and consumer"),
    Column("span.name", "category", "step of the caller's call plan"),
    Column("status", "category", "ok, miss, error, timeout, refused, reset, unavailable, dependency_failed, exhausted"),
    Column("attempt", "int", "0 for the first, counting retries"),
    sample_weight("poor"),
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
    sample_weight("poor"),
)
DATASET_VERSIONS, DATASET_COLUMNS, LINEAGE = "dataset_versions", "dataset_columns", "lineage.jsonl"
_OF_VERSIONS = (
    Column("time_s", "float", "when it was written"),
    Column("trace_id", "category", "the run that wrote it"),
    Column("service.name", "category", "the job"),
    Column("dataset", "category", "name"),
    Column("version", "category", "12 hex digits of a hash of its content: equal content has one version"),
)
DATASET_TABLES = (
    Table(
        DATASET_VERSIONS,
        (
            *_OF_VERSIONS,
            Column("rows", "int", "rows that are there now"),
            Column("bytes", "int", "size of its content: 8 for a number, and its texts"),
            Column("schema_version", "category", "8 hex digits of a hash of names and types of its columns"),
            Column("partition_s", "float", "up to when its data is of", null=True),
        ),
    ),
    Table(
        DATASET_COLUMNS,
        tuple(
            column._replace(level="usual")
            for column in (
                *_OF_VERSIONS,
                Column("column", "category", "name of the column"),
                Column("type", "category", "float, int, bool, text: as written"),
                Column("rows", "int", "rows of the version"),
                Column("null_ratio", "float", "rows without a value"),
                Column("distinct", "int", "different values, null not among them"),
                Column("top_ratio", "float", "rows that have the most frequent value"),
                Column("mean", "float", "mean; like what follows of numbers only, null not among them", null=True),
                Column("min", "float", "least value", null=True),
                Column("max", "float", "greatest value", null=True),
                *(
                    Column(f"q{percent:02d}", "float", f"{percent} % quantile", null=True)
                    for percent in range(5, 100, 5)
                ),
            )
        ),
    ),
)
DATASET_FILES = (
    File(
        LINEAGE,
        "lineage: runs of jobs, and what they read and wrote in which versions, as events of OpenLineage (RunEvent), "
        "with `time_s`; `runId` is the trace id",
        AT_ITS_TIME,
        level="usual",
    ),
)
"""What recordings have of worlds with datasets."""

TABLES = (Table("spans", SPANS, AT_ITS_END), Table("metrics", METRICS), Table("logs", LOGS))

FILES = (
    File(
        "system.json",
        "the system: components, links, SLOs; `users` and `entry` are null where no requests come; `duration_s` is the "
        "recording's length; `time_scale`, where time was compressed, says how many seconds of the recording's clock "
        "passed in a real one: times are by that clock, while durations, waits and CPU time are real",
        FROM_THE_START,
    ),
    File("changes.jsonl", "the change log: each entry when it was announced", AT_ITS_TIME),
    File("alerts.jsonl", "alerts of SLOs: each entry when the alert fired or resolved", AT_ITS_TIME),
)

METRIC_LIST = (
    Metric("client.request.count", "1", "attempts finished over a link, seen by the caller"),
    Metric("client.error.count", "1", "attempts that failed, timeouts included"),
    Metric("client.timeout.count", "1", "attempts that timed out", level="usual"),
    Metric("client.retry.count", "1", "attempts that were followed by another", level="usual"),
    Metric("client.request.duration.mean", "s", "mean duration of attempts"),
    Metric("client.request.duration.p50", "s", "median duration of attempts"),
    Metric("client.request.duration.p95", "s", "95th percentile of attempts"),
    Metric("client.request.duration.p99", "s", "99th percentile; of the users' link, where an SLO is on it"),
    Metric("server.request.count", "1", "requests handled"),
    Metric("server.error.count", "1", "requests answered with an error"),
    Metric("server.request.duration.mean", "s", "mean time from arrival to answer"),
    Metric("server.request.duration.p50", "s", "median of the same"),
    Metric("server.request.duration.p95", "s", "95th percentile of the same"),
    Metric("client.connection.count", "1", "connections of a pool in use (of a step's own pool, with its name)"),
    Metric("client.connection.pending_requests", "1", "attempts that wait for a connection"),
    Metric("client.connection.timeout.count", "1", "attempts that got none: too many waited, or it took too long"),
    Metric("client.connection.wait_time.count", "1", "attempts that got a connection"),
    Metric("client.connection.wait_time.mean", "s", "mean time that attempts waited for the connection they got"),
    Metric("messaging.client.sent.messages", "1", "messages sent over a link: calls that nobody waits for"),
    Metric("server.worker.count", "1", "workers in use, where they are handed out one by one"),
    Metric("server.queue.length", "1", "requests that wait for a worker"),
    Metric("server.queue.shed.count", "1", "requests refused: the queue was full, or they waited too long"),
    Metric("server.queue.wait_time.mean", "s", "mean time that requests waited for the worker they got"),
    Metric("process.cpu.utilization", "ratio", "busy share of the component's workers"),
    Metric("process.cpu.throttled.ratio", "ratio", "share of busy time that was waiting for CPU quota"),
    Metric("fallback.count", "1", "times a caller used the fallback named by `attribute`", level="usual"),
    Metric("job.run.count", "1", "job runs finished"),
    Metric("job.failure.count", "1", "job runs that failed"),
    Metric("job.last_success.age", "s", "time since a run of the job last succeeded"),
    Metric("job.run.delay", "s", "how long after it was due the last run of a scheduled job began"),
    Metric("job.run.duration", "s", "how long the last attempt of a scheduled job that ended took"),
    Metric("job.retry.count", "1", "attempts of a scheduled job that failed and will be tried again"),
    Metric("job.skipped.count", "1", "runs of a scheduled job that were not made"),
    Metric("cache.hit.count", "1", "look-ups answered from the cache"),
    Metric("cache.miss.count", "1", "look-ups without an entry"),
    Metric("cache.expired.count", "1", "entries that came to the end of their time to live"),
    Metric("cache.entries", "1", "entries held"),
    Metric(
        "system.pressure.stalled.ratio",
        "ratio",
        "share of the interval in which `some` task, or in `full` all of them, waited for a resource of the host named "
        "by `attribute`, such as `cpu.some` (pressure stall information)",
    ),
    Metric("system.cpu.steal.ratio", "ratio", "share of the host's CPU time that its hypervisor gave to others"),
)

LOG_EVENTS = (
    LogEvent("call_failed", "an attempt over a link failed; `subject` is the component called"),
    LogEvent(
        "statement", "the database ran a statement; `subject` is the component that asked", level="rich", slow_s=0.1
    ),
    LogEvent("job_run", "a run of a job ended"),
    LogEvent("job_skipped", "a run of a job is not made: what it needs did not succeed, or its last run goes on"),
    LogEvent("job_timeout", "a run of a job took too long and was ended"),
    LogEvent("job_retry", "a run of a job failed and will be tried again"),
)

TRACES_KEPT: Mapping[Observability, float] = {"poor": 0.05, "usual": 1.0, "rich": 1.0}
"""Share of the traces whose spans are kept, chosen by trace id as OpenTelemetry's ratio sampler does."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The form of the recordings of one kind of system, each part by name."""

    tables: Mapping[str, Table]
    metrics: Mapping[str, Metric]
    log_events: Mapping[str, LogEvent]
    files: Mapping[str, File]
    label_window_s: float | None

    def columns(self, table: str) -> tuple[Column, ...]:
        """The columns of a table; none where there is no such table."""
        return self.tables[table].columns if table in self.tables else ()


CORE = Recorded(TABLES, METRIC_LIST, LOG_EVENTS, FILES)
"""What every recording has."""


def schema_of(world: str | None) -> Schema:
    """The form of the recordings of systems with this world; None: without one.

    UserError where it is not installed, or registers what is there already.
    """
    if world is None:
        return WITHOUT_WORLD
    found = recorded_world(world)
    return _joined(world, found.recording, has_datasets=bool(found.datasets))


@lru_cache(maxsize=64)
def _joined(world: str, added: Recorded, *, has_datasets: bool) -> Schema:
    core = CORE
    if has_datasets:
        core = replace(CORE, tables=(*TABLES, *DATASET_TABLES), files=(*FILES, *DATASET_FILES))
    parts = {}
    for name in ("tables", "metrics", "log_events", "files"):
        found = {}
        for item in (*getattr(core, name), *getattr(added, name)):
            if item.name in found:
                what = f"world {world!r} registers {item.name!r}, which recordings have already"
                raise UserError(Problem(what, expected=f"other names of {name.replace('_', ' ')}"))
            found[item.name] = item
        parts[name] = found
    return Schema(**parts, label_window_s=added.label_window_s)


WITHOUT_WORLD = _joined("", Recorded(), has_datasets=False)
"""The form of the recordings of systems without a world."""
