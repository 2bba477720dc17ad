"""The HTTP face of the feature service: pages for shoppers, health, metrics; on another port, its configuration."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field

from lab.clock import NS
from services.common.configuration import NoSettingError, change_step, describe_steps
from services.common.control import AsgiGuard, Guard
from services.common.metrics import CONTENT_TYPE, ReadCounter, durations, page
from services.common.policies import Policy
from services.common.telemetry import Span, Telemetry
from services.common.trace import server_span
from services.shop.features.plan import Plan, StepFailedError
from services.shop.features.visit import CANDIDATES_MAX, Visit

HTTP_STATUS = {"ok": 200, "error": 500, "dependency_failed": 502}


class RecommendRequest(BaseModel):
    """Who asks, and the candidate items to choose from."""

    model_config = ConfigDict(extra="forbid")
    user_id: int = Field(ge=0)
    candidates: list[int] = Field(min_length=1, max_length=CANDIDATES_MAX)


class Value(BaseModel):
    """A configuration value."""

    model_config = ConfigDict(extra="forbid")
    value: float


def recommend_app(plan: Plan, step_name: str, telemetry: Telemetry, registry: CollectorRegistry) -> FastAPI:
    """POST /v1/recommend, GET /healthz, GET /metrics. `step_name`: the callers' name for a request, for spans."""
    app = FastAPI(title="features", docs_url=None, redoc_url=None, openapi_url=None)
    observer = _Observer(step_name, telemetry, registry)

    @app.post("/v1/recommend")
    async def recommend(body: RecommendRequest, request: Request) -> Response:
        headers = request.headers
        visit = Visit(
            body.user_id,
            np.array(body.candidates, np.int64),
            server_span(headers.get("traceparent")),
            headers.get("baggage", ""),
        )
        start_ns, status, answer = time.time_ns(), "error", {}
        try:
            answer = await _answer(plan, visit)
            status = "ok"
        except StepFailedError as error:
            status, answer = error.status, {"error": str(error)}
        finally:
            observer.record(visit, start_ns, status)
        return JSONResponse(answer, HTTP_STATUS[status], headers={"X-Request-Id": visit.span.trace_id})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"}, 422)

    @app.get("/healthz")
    async def health() -> Response:
        return JSONResponse({"status": "ok" if plan.items else "starting"}, 200 if plan.items else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(page(registry), headers={"Content-Type": CONTENT_TYPE})

    return app


async def _answer(plan: Plan, visit: Visit) -> dict[str, Any]:
    if not plan.items or visit.candidates.max() >= len(plan.items["item_id"]) or visit.candidates.min() < 0:
        raise StepFailedError("error", "no such item")
    await plan.handle(visit)
    if visit.page is None or visit.scores is None:
        raise StepFailedError("error", "no page")
    plan.log_page(visit)
    score_of = dict(zip(visit.candidates.tolist(), visit.scores.tolist(), strict=True))
    items = [{"item_id": item, "score": score_of[item]} for item in visit.page]
    return {"items": items, "model_version": visit.version, "features_from": visit.source}


class _Observer:
    """What each request leaves behind: a server span, counts."""

    def __init__(self, step_name: str, telemetry: Telemetry, registry: CollectorRegistry) -> None:
        self._step_name = step_name
        self._telemetry = telemetry
        text = "Time from request to answer."
        self._durations = durations("http_server_request_duration_seconds", text, ("status",), registry)
        ReadCounter("process_cpu_seconds_total", "CPU time used.", time.process_time, registry)

    def record(self, visit: Visit, start_ns: int, status: str) -> None:
        end_ns = time.time_ns()
        span = Span(visit.span, self._step_name, "server", start_ns, end_ns, {"lab.status": status})
        self._telemetry.span(span)
        self._durations.labels(status).observe((end_ns - start_ns) / NS)


def config_app(policy_of: Mapping[str, Policy], guard: Guard) -> FastAPI:
    """GET /config, PUT /config/steps/{step}/{key}: timeouts, retries and backoffs, from now on until a restart."""
    app = FastAPI(title="features configuration", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(AsgiGuard, guard=guard)

    @app.get("/healthz")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/config")
    async def show() -> Response:
        return JSONResponse({"steps": describe_steps(policy_of)})

    @app.put("/config/steps/{step}/{key}")
    async def change(step: str, key: str, body: Value) -> Response:
        try:
            change_step(policy_of, step, key, body.value)
        except NoSettingError as error:
            return JSONResponse({"error": str(error)}, 404)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"steps": describe_steps(policy_of)})

    return app
