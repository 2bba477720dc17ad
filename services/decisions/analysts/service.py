"""The analysts' endpoint: held payments come as messages, and wait at the desk."""

from __future__ import annotations

import time

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from lab.systems.topology import System
from services.common import endpoints
from services.common.log import Log
from services.common.metrics import CONTENT_TYPE, ReadCounter, count_dropped, page
from services.common.settings import Listen
from services.common.telemetry import Telemetry
from services.common.trace import TraceContext, server_span
from services.decisions.analysts.desk import Desk

ROUTE = "/v1/reviews"


class AnalystService:
    """One desk of analysts."""

    def __init__(self, system: System, telemetry: Telemetry) -> None:
        self._log = Log(telemetry)
        self._registry = registry = CollectorRegistry()
        count_dropped(telemetry, registry)
        ReadCounter("process_cpu_seconds_total", "CPU time used.", time.process_time, registry)
        self._errors = Counter("server_error", "Messages that could not be read.", registry=registry)
        self._desk = Desk(system.components[telemetry.service], registry, self._looked)

    async def serve(self, listen: Listen) -> None:
        """Takes payments in and has them looked at until SIGTERM or SIGINT."""

        def ready(port: int) -> None:
            self._log.write("INFO", "ready", f"listening on {port}", port=port)

        await endpoints.serve(self.app(), listen, ready, [self._desk.work()])

    def app(self) -> web.Application:
        """POST /v1/reviews, GET /healthz, GET /metrics."""
        app = web.Application()
        app.add_routes(
            [web.post(ROUTE, self._take), web.get("/healthz", self._health), web.get("/metrics", self._metrics)]
        )
        return app

    def _looked(self, context: TraceContext) -> None:
        self._log.record("payment_reviewed", context)

    async def _take(self, request: web.Request) -> web.Response:
        try:
            payment_id = (await request.json())["payment_id"]
        except (ValueError, KeyError, TypeError):
            self._errors.inc()
            return web.json_response({"error": "expected a JSON object with payment_id"}, status=400)
        # No span of its own: nobody can trace what people do.
        if self._desk.put(server_span(request.headers.get("traceparent"))):
            return web.json_response({"payment_id": payment_id}, status=202)
        return web.json_response({"error": "the queue is full"}, status=503)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=page(self._registry), headers={"Content-Type": CONTENT_TYPE})
