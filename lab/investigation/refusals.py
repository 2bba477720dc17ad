"""What cannot be done as a session stands."""

from __future__ import annotations

from lab.investigation.queries.asking import QueryError


class RefusedError(QueryError):
    """Something that cannot be done as a session stands."""


class NotYetError(RefusedError):
    """Something that is told later."""
