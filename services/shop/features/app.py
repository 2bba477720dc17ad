"""The HTTP face of the feature service: pages for shoppers, health, metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.common.plans import Plan, StepFailedError
from services.common.trace import server_span
from services.common.web import Observer, add_routes, answered, new_app
from services.shop.features.content import Content
from services.shop.features.visit import CANDIDATES_MAX, Visit


class RecommendRequest(BaseModel):
    """Who asks, and the candidate items to choose from."""

    model_config = ConfigDict(extra="forbid")
    user_id: int = Field(ge=0)
    candidates: list[int] = Field(min_length=1, max_length=CANDIDATES_MAX)


def recommend_app(plan: Plan[Visit], content: Content, observer: Observer) -> FastAPI:
    """POST /v1/recommend, GET /healthz, GET /metrics."""
    app = new_app("features")

    @app.post("/v1/recommend")
    async def recommend(body: RecommendRequest, request: Request) -> Response:
        headers = request.headers
        visit = Visit(
            body.user_id,
            np.array(body.candidates, np.int64),
            server_span(headers.get("traceparent")),
            headers.get("baggage", ""),
        )
        return await answered(observer, visit.span, _answer(plan, content, visit))

    add_routes(app, observer, lambda: bool(content.items))
    return app


async def _answer(plan: Plan[Visit], content: Content, visit: Visit) -> dict[str, Any]:
    if not content.items or visit.candidates.max() >= len(content.items["item_id"]) or visit.candidates.min() < 0:
        raise StepFailedError("error", "no such item")
    await plan.handle(visit)
    if visit.page is None or visit.scores is None:
        raise StepFailedError("error", "no page")
    content.log_page(visit)
    score_of = dict(zip(visit.candidates.tolist(), visit.scores.tolist(), strict=True))
    items = [{"item_id": item, "score": score_of[item]} for item in visit.page]
    return {"items": items, "model_version": visit.version, "features_from": visit.source}
