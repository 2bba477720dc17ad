"""What may be asked of traces and logs: the parameters of a query as one model, and the question that they make."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lab.api.asking import Duration, Name, Time
from lab.investigation.queries import logs, traces


class WantedTraces(BaseModel):
    """Parameters of a search for traces."""

    service: Name | None = Field(default=None, description="with a span of this component, or of a call to it")
    status: Name | None = Field(default=None, description="with such a span, of that service where it is given")
    min_duration_s: Duration | None = None
    max_duration_s: Duration | None = None
    since_s: Time | None = None
    until_s: Time | None = None
    order: traces.Order = Field(default="latest", description="of the traces that fit, which ones")
    limit: int = Field(default=50, ge=1, le=traces.MOST_TRACES)

    def wanted(self) -> traces.Wanted:
        """The question."""
        return traces.Wanted(**self.model_dump())


class WantedLogs(BaseModel):
    """Parameters of a search for log lines."""

    service: Name | None = None
    severity: Name | None = None
    event: Name | None = Field(default=None, description="what a line is about")
    contains: Name | None = Field(default=None, description="part of its text, in any case")
    trace_id: Name | None = None
    since_s: Time | None = None
    until_s: Time | None = None
    before: int | None = Field(default=None, ge=0, le=2**53, description="id of a line: only older ones")
    after: int | None = Field(default=None, ge=0, le=2**53, description="id of a line: only later ones")
    order: logs.Order = Field(default="latest", description="newest first, or oldest first")
    limit: int = Field(default=100, ge=1, le=logs.MOST_LINES)

    def wanted(self) -> logs.Wanted:
        """The question."""
        return logs.Wanted(**self.model_dump())
