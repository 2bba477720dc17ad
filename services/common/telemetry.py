"""Spans and log events of one service, sent to the collector in the background (OTLP over HTTP, protobuf).

Callers never wait: what does not fit into the queue is dropped and counted. What the collector does not take stays in
the queue and is sent again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.common.otlp import Exporter
from services.common.trace import TraceContext

QUEUE_MAX = 50_000
BATCH_MAX = 2_000
INTERVAL_S = 0.5
TIMEOUT_S = 3.0


class Span(NamedTuple):
    """One finished span; times in Unix ns, `kind` is internal, server, client or producer.

    `error`: why it failed, where its attribute `lab.status` does not say that it did.
    """

    context: TraceContext
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    error: str = ""


class LogEvent(NamedTuple):
    """One log event; `context` is the span it belongs to, None for none."""

    time_ns: int
    severity: str
    event: str
    body: str
    context: TraceContext | None
    attributes: Mapping[str, Any]


class Telemetry:
    """Exports to `endpoint` (the collector's base URL); with an empty one nothing is kept or sent."""

    def __init__(self, service: str, endpoint: str) -> None:
        self.service = service
        self.dropped_count = 0
        self._exporter = Exporter(service, endpoint, TIMEOUT_S) if endpoint else None
        self._spans: deque[Span] = deque()
        self._logs: deque[LogEvent] = deque()
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._run, name="telemetry", daemon=True)
        if self._exporter:
            self._worker.start()

    def span(self, span: Span) -> None:
        """Queues a finished span of a trace that is recorded."""
        if span.context.is_sampled:
            self._put(self._spans, span)

    def event(
        self, event: str, body: str = "", *, severity: str = "INFO", context: TraceContext | None = None,
        time_ns: int | None = None, **attributes: Any,
    ) -> None:  # fmt: skip
        """Queues a log event, of now where no time is given."""
        self._put(self._logs, LogEvent(time_ns or time.time_ns(), severity, event, body, context, attributes))

    def close(self) -> None:
        """Sends what is left, for a few seconds at most."""
        self._stop.set()
        if self._exporter:
            self._worker.join(2 * TIMEOUT_S)

    def _put(self, queue: deque[Any], item: Any) -> None:
        if self._exporter is None:
            return
        if len(queue) < QUEUE_MAX:
            queue.append(item)
        else:
            self.dropped_count += 1

    def _run(self) -> None:
        assert self._exporter is not None
        last = False
        while not last:
            last = self._stop.wait(INTERVAL_S)
            self._send_all(self._spans, self._exporter.send_spans)
            self._send_all(self._logs, self._exporter.send_logs)

    def _send_all(self, queue: deque[Any], send: Callable[[list[Any]], bool]) -> None:
        while queue:
            batch = [queue.popleft() for _ in range(min(len(queue), BATCH_MAX))]
            if not send(batch):
                # Tried again with the next batch; the bound on the queue holds meanwhile.
                queue.extendleft(reversed(batch))
                return
