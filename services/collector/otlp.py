"""Export requests (OTLP protobuf or JSON) as plain records, the same from both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
STATUS_ERROR = 2
Record = dict[str, Any]


class BadExportError(ValueError):
    """A body that is no export request."""


def read_spans(body: bytes, *, is_json: bool) -> list[Record]:
    """Spans: service, the three ids ("" for no parent), name, kind, start_ns, end_ns, is_error, attributes."""
    try:
        return list(_json_spans(json.loads(body)) if is_json else _proto_spans(body))
    except (DecodeError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BadExportError(str(error)) from error


def read_logs(body: bytes, *, is_json: bool) -> list[Record]:
    """Log events: service, time_ns, severity, event, body, trace_id and span_id ("" for none), attributes."""
    try:
        return list(_json_logs(json.loads(body)) if is_json else _proto_logs(body))
    except (DecodeError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BadExportError(str(error)) from error


def _proto_spans(body: bytes) -> Iterator[Record]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _proto_attributes(resource.resource.attributes).get("service.name", "")
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield {
                "service": service,
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent_span_id": span.parent_span_id.hex(),
                "name": span.name,
                "kind": KINDS[span.kind],
                "start_ns": span.start_time_unix_nano,
                "end_ns": span.end_time_unix_nano,
                "is_error": span.status.code == STATUS_ERROR,
                "attributes": _proto_attributes(span.attributes),
            }


def _proto_logs(body: bytes) -> Iterator[Record]:
    for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
        service = _proto_attributes(resource.resource.attributes).get("service.name", "")
        for event in (event for scope in resource.scope_logs for event in scope.log_records):
            yield {
                "service": service,
                "time_ns": event.time_unix_nano or event.observed_time_unix_nano,
                "severity": event.severity_text,
                "event": event.event_name,
                "body": _proto_value(event.body) or "",
                "trace_id": event.trace_id.hex(),
                "span_id": event.span_id.hex(),
                "attributes": _proto_attributes(event.attributes),
            }


def _proto_attributes(attributes: Any) -> Record:
    return {item.key: _proto_value(item.value) for item in attributes}


def _proto_value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_proto_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _proto_attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case name:
            return getattr(value, name)


def _json_spans(document: Mapping[str, Any]) -> Iterator[Record]:
    for resource in document.get("resourceSpans", []):
        service = _json_attributes(resource.get("resource", {})).get("service.name", "")
        for span in (span for scope in resource.get("scopeSpans", []) for span in scope.get("spans", [])):
            yield {
                "service": service,
                "trace_id": span["traceId"].lower(),
                "span_id": span["spanId"].lower(),
                "parent_span_id": span.get("parentSpanId", "").lower(),
                "name": span["name"],
                "kind": KINDS[span.get("kind", 0)],
                "start_ns": int(span["startTimeUnixNano"]),
                "end_ns": int(span["endTimeUnixNano"]),
                "is_error": span.get("status", {}).get("code") == STATUS_ERROR,
                "attributes": _json_attributes(span),
            }


def _json_logs(document: Mapping[str, Any]) -> Iterator[Record]:
    for resource in document.get("resourceLogs", []):
        service = _json_attributes(resource.get("resource", {})).get("service.name", "")
        for event in (event for scope in resource.get("scopeLogs", []) for event in scope.get("logRecords", [])):
            yield {
                "service": service,
                "time_ns": int(event.get("timeUnixNano") or event["observedTimeUnixNano"]),
                "severity": event.get("severityText", ""),
                "event": event.get("eventName", ""),
                "body": _json_value(event.get("body", {})) or "",
                "trace_id": event.get("traceId", "").lower(),
                "span_id": event.get("spanId", "").lower(),
                "attributes": _json_attributes(event),
            }


def _json_attributes(holder: Mapping[str, Any]) -> Record:
    return {item["key"]: _json_value(item.get("value", {})) for item in holder.get("attributes", [])}


def _json_value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        match kind:
            case "intValue":
                return int(content)
            case "doubleValue":
                return float(content)
            case "arrayValue":
                return [_json_value(item) for item in content.get("values", [])]
            case "kvlistValue":
                return {item["key"]: _json_value(item["value"]) for item in content.get("values", [])}
            case _:
                return content
    return None
