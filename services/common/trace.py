"""W3C Trace Context: ids of traces and spans, as headers and as SQL comments."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


class TraceContext(NamedTuple):
    """A span's place in its trace: 32 and 16 hex digits. `parent_span_id` is empty where the trace starts.

    `is_sampled`: whether the trace is recorded, as its first caller has decided.
    """

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    is_sampled: bool = True

    def child(self) -> TraceContext:
        """A new span below this one."""
        return TraceContext(self.trace_id, secrets.token_hex(8), self.span_id, self.is_sampled)

    @property
    def traceparent(self) -> str:
        """This span as the header that names it to others."""
        return f"00-{self.trace_id}-{self.span_id}-{self.is_sampled:02x}"


def root_span() -> TraceContext:
    """The first span of a new trace."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8))


def server_span(traceparent: str | None) -> TraceContext:
    """A new span below the caller's; a new trace where the header is missing or not valid."""
    context = _PROPAGATOR.extract({"traceparent": traceparent or ""})
    caller = trace.get_current_span(context).get_span_context()
    if not caller.is_valid:
        return root_span()
    trace_id, span_id = trace.format_trace_id(caller.trace_id), trace.format_span_id(caller.span_id)
    return TraceContext(trace_id, secrets.token_hex(8), span_id, caller.trace_flags.sampled)


def sql_comment(span: TraceContext, application: str, action: str) -> str:
    """The comment that ties a statement to a span, as in sqlcommenter: its values are `key='value'`."""
    return f"/* traceparent='{span.traceparent}',application='{application}',action='{action}' */"
