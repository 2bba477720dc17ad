"""W3C trace context in, spans out: OTLP over HTTP as JSON, in the background. Requests never wait for it."""

from __future__ import annotations

import json
import re
import secrets
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Any

KIND_SERVER = 2
STATUS_UNSET, STATUS_ERROR = 0, 2
_QUEUE_MAX = 4096
_BATCH_MAX = 512
_BATCH_WAIT_S = 0.5
_TIMEOUT_S = 3.0
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The ids of a server span; parent_span_id is empty for the first span of a trace."""

    trace_id: str
    span_id: str
    parent_span_id: str
    sampled: bool

    @classmethod
    def of(cls, traceparent: str | None) -> TraceContext:
        """The span below the caller's, or the start of a new trace where the header is missing or not valid."""
        found = _TRACEPARENT.fullmatch(traceparent or "")
        if found is None:
            return cls(secrets.token_hex(16), secrets.token_hex(8), "", True)
        return cls(found[1], secrets.token_hex(8), found[2], bool(int(found[3], 16) & 1))


@dataclass(frozen=True, slots=True)
class Span:
    """A served request. Attribute values are str or int."""

    context: TraceContext
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str | int]
    error: str = ""

    def otlp(self) -> dict[str, Any]:
        """As OTLP's JSON has it: hex ids, integer enums, 64-bit integers as strings."""
        parent = {"parentSpanId": self.context.parent_span_id} if self.context.parent_span_id else {}
        status = {"code": STATUS_ERROR, "message": self.error} if self.error else {"code": STATUS_UNSET}
        return {
            "traceId": self.context.trace_id,
            "spanId": self.context.span_id,
            **parent,
            "name": self.name,
            "kind": KIND_SERVER,
            "startTimeUnixNano": str(self.start_ns),
            "endTimeUnixNano": str(self.end_ns),
            "attributes": [_attribute(key, value) for key, value in self.attributes.items()],
            "status": status,
        }


class SpanExporter:
    """Sends spans in batches. What the queue or the collector cannot take is dropped, and logged as a count."""

    def __init__(self, endpoint: str, service_name: str, log: Callable[..., None]) -> None:
        """endpoint: the collector's base URL; empty, and spans go nowhere."""
        self._url = endpoint.rstrip("/") + "/v1/traces" if endpoint else ""
        self._resource = {"attributes": [_attribute("service.name", service_name)]}
        self._log = log
        self._queue: Queue[Span] = Queue(_QUEUE_MAX)
        self._dropped_count = 0
        self._closing = threading.Event()
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._worker = threading.Thread(target=self._run, name="span-exporter", daemon=True)
        if self._url:
            self._worker.start()

    def export(self, span: Span) -> None:
        """Takes a span of a sampled trace; never blocks."""
        if self._url and span.context.sampled:
            try:
                self._queue.put_nowait(span)
            except Full:
                self._dropped_count += 1

    def close(self) -> None:
        """Sends what is left, for a few seconds at most."""
        self._closing.set()
        if self._worker.is_alive():
            self._worker.join(_TIMEOUT_S)

    def _run(self) -> None:
        while not (self._closing.wait(_BATCH_WAIT_S) and self._queue.empty()):
            batch = self._batch()
            while batch:
                self._send(batch)
                batch = self._batch()

    def _batch(self) -> list[Span]:
        spans: list[Span] = []
        try:
            while len(spans) < _BATCH_MAX:
                spans.append(self._queue.get_nowait())
        except Empty:
            pass
        return spans

    def _send(self, spans: list[Span]) -> None:
        scope_spans = [{"scope": {"name": "services.model"}, "spans": [span.otlp() for span in spans]}]
        body = json.dumps({"resourceSpans": [{"resource": self._resource, "scopeSpans": scope_spans}]}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        try:
            self._http.open(request, timeout=_TIMEOUT_S).close()
        except OSError as error:
            self._dropped_count += len(spans)
            self._log("spans_dropped", level="ERROR", dropped_count=self._dropped_count, error=str(error))
            self._closing.wait(_TIMEOUT_S)  # a collector that is away is not asked all the time


def _attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
