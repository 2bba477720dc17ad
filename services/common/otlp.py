"""Spans and log events of one service as OpenTelemetry's SDK has them, and on their way to the collector.

The SDK's own tracers and batch processors are not used: they cost a request twice as much, and lose what a collector
does not take in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import requests
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from lab.recording.status import ANSWERED

if TYPE_CHECKING:
    from services.common.telemetry import LogEvent, Span

KINDS = {
    "internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT, "producer": SpanKind.PRODUCER,
}  # fmt: skip
SEVERITIES = {
    "DEBUG": SeverityNumber.DEBUG, "INFO": SeverityNumber.INFO, "WARN": SeverityNumber.WARN,
    "ERROR": SeverityNumber.ERROR,
}  # fmt: skip
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)


class Exporter:
    """Sends batches of one service to `endpoint`, the collector's base URL; False where it did not take one in time."""

    def __init__(self, service: str, endpoint: str, timeout_s: float) -> None:
        self._resource = Resource({SERVICE_NAME: service})
        session = requests.Session()
        session.trust_env = False  # the collector is beside us: no proxy of the environment leads there
        base = endpoint.rstrip("/")
        self._spans = OTLPSpanExporter(f"{base}/v1/traces", timeout=timeout_s, session=session)
        self._logs = OTLPLogExporter(f"{base}/v1/logs", timeout=timeout_s, session=session)

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Sends spans, and waits for the answer."""
        batch = [readable_span(span, self._resource) for span in spans]
        return self._spans.export(batch) is SpanExportResult.SUCCESS

    def send_logs(self, events: Sequence[LogEvent]) -> bool:
        """Sends log events, and waits for the answer."""
        batch = [readable_log(event, self._resource) for event in events]
        return self._logs.export(batch) is LogRecordExportResult.SUCCESS


def readable_span(span: Span, resource: Resource) -> ReadableSpan:
    """A finished span. It is an error by its own text, or by its `lab.status`."""
    failed = span.error or span.attributes.get("lab.status", "ok") not in ANSWERED
    context = span.context
    return ReadableSpan(
        span.name,
        _span_context(context.trace_id, context.span_id),
        _span_context(context.trace_id, context.parent_span_id) if context.parent_span_id else None,
        resource,
        span.attributes,
        kind=KINDS[span.kind],
        start_time=span.start_ns,
        end_time=span.end_ns,
        status=Status(StatusCode.ERROR, span.error or None) if failed else _UNSET,
    )


def readable_log(event: LogEvent, resource: Resource) -> ReadableLogRecord:
    """A log event."""
    record = LogRecord(
        timestamp=event.time_ns,
        observed_timestamp=event.time_ns,
        severity_text=event.severity,
        severity_number=SEVERITIES[event.severity],
        body=event.body,
        attributes=event.attributes,
        event_name=event.event,
    )
    if event.context:
        record.trace_id, record.span_id = int(event.context.trace_id, 16), int(event.context.span_id, 16)
        record.trace_flags = _SAMPLED
    return ReadableLogRecord(record, resource)


def _span_context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)
