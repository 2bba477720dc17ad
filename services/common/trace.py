"""W3C Trace Context: ids of traces and spans, as headers and as SQL comments."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceContext(NamedTuple):
    """A span's place in its trace: 32 and 16 hex digits. `parent_span_id` is empty where the trace starts."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""

    def child(self) -> TraceContext:
        """A new span below this one."""
        return TraceContext(self.trace_id, secrets.token_hex(8), self.span_id)

    @property
    def traceparent(self) -> str:
        """This span as the header that names it to others."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def root_span() -> TraceContext:
    """The first span of a new trace."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8))


def server_span(traceparent: str | None) -> TraceContext:
    """A new span below the caller's; a new trace where the header is missing or not valid."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if not found or found[1] == "ff" or not found[2].strip("0") or not found[3].strip("0"):
        return root_span()
    return TraceContext(found[2], secrets.token_hex(8), found[3])


def sql_comment(span: TraceContext, application: str, action: str) -> str:
    """The comment that ties a statement to a span, as in sqlcommenter: its values are `key='value'`."""
    return f"/* traceparent='{span.traceparent}',application='{application}',action='{action}' */"
