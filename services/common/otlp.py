"""Spans and log events as OTLP protobuf messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

if TYPE_CHECKING:
    from services.common.telemetry import LogEvent, Span

KINDS = {"internal": 1, "server": 2, "client": 3}
SEVERITIES = {"DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17}


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP has it; None becomes a value that is not set."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
    message = AnyValue()
    message.array_value.values.extend(any_value(item) for item in value)
    if not value:
        message.array_value.SetInParent()
    return message


def _attributes(values: Iterable[tuple[str, Any]]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values]


def encode_spans(service: str, spans: list[Span]) -> bytes:
    """An export request with the spans of one service."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(_attributes([("service.name", service)]))
    scope = resource.scope_spans.add()
    for span in spans:
        failed = span.attributes.get("lab.status", "ok") not in ("ok", "miss")
        scope.spans.add(
            trace_id=bytes.fromhex(span.context.trace_id),
            span_id=bytes.fromhex(span.context.span_id),
            parent_span_id=bytes.fromhex(span.context.parent_span_id),
            name=span.name,
            kind=KINDS[span.kind],
            start_time_unix_nano=span.start_ns,
            end_time_unix_nano=span.end_ns,
            attributes=_attributes(span.attributes.items()),
            status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
        )
    return request.SerializeToString()


def encode_logs(service: str, events: list[LogEvent]) -> bytes:
    """An export request with the log events of one service."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(_attributes([("service.name", service)]))
    scope = resource.scope_logs.add()
    for event in events:
        record = scope.log_records.add(
            time_unix_nano=event.time_ns,
            severity_number=SEVERITIES[event.severity],
            severity_text=event.severity,
            body=any_value(event.body),
            event_name=event.event,
            attributes=_attributes(event.attributes.items()),
        )
        if event.context:
            record.trace_id = bytes.fromhex(event.context.trace_id)
            record.span_id = bytes.fromhex(event.context.span_id)
    return request.SerializeToString()
