"""What the HTTP services have in common: health, metrics, configuration on another port, and how they are served."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict

from lab.clock import NS
from services.common.configuration import NoSettingError, change_step, describe_steps
from services.common.control import AsgiGuard, Guard
from services.common.log import Log
from services.common.metrics import CONTENT_TYPE, ReadCounter, durations, page
from services.common.plans import StepFailedError
from services.common.policies import Policy
from services.common.settings import Listen
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext

_HTTP_STATUS = {"ok": 200, "error": 500, "dependency_failed": 502}
"""By how a request ended, as `lab.recording.status` names it."""
KEEP_ALIVE_S = 120


class Value(BaseModel):
    """A configuration value."""

    model_config = ConfigDict(extra="forbid")
    value: float


class Observer:
    """What each request leaves behind: a server span, named as its caller's step, and counts."""

    def __init__(self, step_name: str, telemetry: Telemetry, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._step_name = step_name
        self._telemetry = telemetry
        text = "Time from request to answer."
        self._durations = durations("http_server_request_duration_seconds", text, ("status",), registry)
        ReadCounter("process_cpu_seconds_total", "CPU time used.", time.process_time, registry)

    def record(self, span: TraceContext, start_ns: int, status: str) -> None:
        """A request that ended now."""
        end_ns = time.time_ns()
        self._telemetry.span(Span(span, self._step_name, "server", start_ns, end_ns, {"lab.status": status}))
        self._durations.labels(status).observe((end_ns - start_ns) / NS)


async def answered(observer: Observer, span: TraceContext, work: Awaitable[Mapping[str, Any]]) -> Response:
    """What `work` answers, or which of its steps failed it; observed however it ends."""
    start_ns, status = time.time_ns(), "error"
    answer: Mapping[str, Any] = {}
    try:
        answer, status = await work, "ok"
    except StepFailedError as error:
        answer, status = {"error": str(error)}, error.status
    finally:
        observer.record(span, start_ns, status)
    return JSONResponse(answer, _HTTP_STATUS[status], headers={"X-Request-Id": span.trace_id})


def new_app(title: str) -> FastAPI:
    """An app without pages of documentation, which says in one line what is wrong with a request."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"}, 422)

    return app


def add_routes(app: FastAPI, observer: Observer, is_ready: Callable[[], bool]) -> None:
    """GET /healthz, 200 once it is ready, and GET /metrics."""

    @app.get("/healthz")
    async def health() -> Response:
        ready = is_ready()
        return JSONResponse({"status": "ok" if ready else "starting"}, 200 if ready else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(page(observer.registry), headers={"Content-Type": CONTENT_TYPE})


def config_app(title: str, policy_of: Mapping[str, Policy], guard: Guard) -> FastAPI:
    """GET /config, PUT /config/steps/{step}/{key}: timeouts, retries and backoffs, from now on until a restart."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
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


class _Server(uvicorn.Server):
    """Leaves signals to its caller: two servers of one process must not fight over them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(apps: Sequence[tuple[FastAPI, Listen]], log: Log) -> None:
    """Serves each app on its port until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = [_server(app, listen) for app, listen in apps]
    serving = [asyncio.create_task(server.serve()) for server in servers]
    stopped = asyncio.create_task(stop.wait())
    while not all(server.started or task.done() for server, task in zip(servers, serving, strict=True)):
        await asyncio.sleep(0.01)
    ports = [server.servers[0].sockets[0].getsockname()[1] for server in servers if server.started]
    log.write("INFO", "ready", f"listening on {ports}", ports=ports)
    await asyncio.wait([stopped, *serving], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving)
    stopped.cancel()


def _server(app: FastAPI, listen: Listen) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            host=listen.host,
            port=listen.port,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
            log_level="warning",
            access_log=False,
            lifespan="off",
        )
    )
