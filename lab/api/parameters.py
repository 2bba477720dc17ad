"""Which query parameters an endpoint knows: another one is a mistake of whoever asks, and never left out silently."""

from __future__ import annotations

from fastapi import Request

from lab.errors import nearest
from lab.investigation.queries.asking import QueryError


async def only_known(request: Request) -> None:
    """A dependency of all endpoints; QueryError where the query has a parameter that this one does not know."""
    given = set(request.query_params)
    if not given:
        return
    name, paths = request.scope["route"].operation_id, request.app.openapi()["paths"]
    endpoint = next(one for methods in paths.values() for one in methods.values() if one["operationId"] == name)
    known = [one["name"] for one in endpoint.get("parameters", ()) if one["in"] == "query"]
    unknown = sorted(given - set(known))
    if unknown:
        expected = f"one of {', '.join(known)}" if known else "no parameter"
        hint = f"{nearest(unknown[0], known)}; see /api/openapi.json" if known else "see /api/openapi.json"
        raise QueryError("unknown query parameter", seen=unknown[0], expected=expected, hint=hint)
