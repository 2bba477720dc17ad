"""Log lines: JSON on stdout for people, the same as a log event for the collector."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from services.common.telemetry import Telemetry
from services.common.trace import TraceContext


class Log:
    """The log of one service."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def write(
        self, severity: str, event: str, body: str, context: TraceContext | None = None, **attributes: Any
    ) -> None:
        """One line; `context` gives it its trace and span id."""
        ids = {"trace_id": context.trace_id, "span_id": context.span_id} if context else {}
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": severity, "component": self._telemetry.service, "event": event, "message": body}
        print(json.dumps(line | ids | attributes, ensure_ascii=False), flush=True)
        self._telemetry.event(event, body, severity=severity, context=context, **attributes)

    def record(self, event: str, context: TraceContext, *, time_ns: int | None = None, **attributes: Any) -> None:
        """An event of every request, for the recording alone: too many for people to read."""
        self._telemetry.event(event, context=context, time_ns=time_ns, **attributes)
