"""The HTTP face of the feature service: rows for payments, health, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.common.plans import Plan
from services.common.trace import server_span
from services.common.web import Observer, add_routes, answered, new_app
from services.decisions.features.lookup import Lookup

ROUTE = "/v1/features"


class FeaturesRequest(BaseModel):
    """Whose features are asked for."""

    model_config = ConfigDict(extra="forbid")
    card_id: int = Field(ge=0)
    merchant_id: int = Field(ge=0)


def features_app(plan: Plan[Lookup], observer: Observer) -> FastAPI:
    """POST /v1/features, GET /healthz, GET /metrics."""
    app = new_app("features")

    @app.post(ROUTE)
    async def features(body: FeaturesRequest, request: Request) -> Response:
        headers = request.headers
        span, baggage = server_span(headers.get("traceparent")), headers.get("baggage", "")
        lookup = Lookup.of(body.card_id, body.merchant_id, span, baggage)
        return await answered(observer, span, _answer(plan, lookup))

    add_routes(app, observer, lambda: True)
    return app


async def _answer(plan: Plan[Lookup], lookup: Lookup) -> dict[str, Any]:
    """By table: values of the contract's columns, in order, as read (null: none), and the component they are from."""
    await plan.handle(lookup)
    return {table: {"values": row.values, "source": row.source} for table, row in lookup.rows.items()}
