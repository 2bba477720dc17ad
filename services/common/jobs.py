"""Jobs as services: their schedule and levers; their runs as spans, logs and metrics."""

from __future__ import annotations

import asyncio
import json
import math
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

import psycopg
import redis.asyncio as redis
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed

from lab.agreed.run import Run
from lab.clock import NS
from lab.recording import texts
from lab.systems.configuration import JOB_KEYS
from lab.systems.topology import System
from services.common import endpoints
from services.common.calls import Caller, CallFailedError
from services.common.configuration import NoSettingError, change_step, checked, describe_steps
from services.common.control import Guard, middleware
from services.common.job_control import Control
from services.common.log import Log
from services.common.metrics import CONTENT_TYPE, attempt_durations, count_dropped, page
from services.common.policies import policies
from services.common.settings import Listen
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext, root_span

SEED_RETRY_S = 1.0
STORE_ERRORS = (psycopg.Error, redis.RedisError, OSError)


class JobService(ABC):
    """One job of a system. Without a run it works in real time, from its own start."""

    def __init__(self, system: System, telemetry: Telemetry, guard: Guard) -> None:
        self.spec = system.components[telemetry.service]
        self.log = Log(telemetry)
        self.announced: Run | None = None
        """The run under way."""
        self._telemetry = telemetry
        self._guard = guard
        self._last_success_s = time.time()
        self._registry = registry = CollectorRegistry()
        text = "Runs finished, by how they ended."
        self._runs = Counter("job_runs_total", text, ["status"], registry=registry)
        age = Gauge("job_last_success_age_seconds", "Time since a run last succeeded.", registry=registry)
        age.set_function(lambda: time.time() - self._last_success_s)
        count_dropped(telemetry, registry)
        self._policies = policies(self.spec.steps)
        self.caller = Caller(telemetry, self.log, self._policies, attempt_durations(registry))
        self._period_s = self.spec.period_s
        self._control = Control()
        self._restarted = asyncio.Event()

    @abstractmethod
    async def work(self, root: TraceContext) -> None:
        """Does one run's steps; CallFailedError where one fails for good."""

    @abstractmethod
    async def seed(self, run: Run, *, anew: bool) -> None:
        """Fills the database and empties the cache; without `anew` only where nothing is there yet."""

    @abstractmethod
    def forget(self) -> None:
        """Drops what earlier runs have left to do."""

    async def serve(self, listen: Listen) -> None:
        """Runs the schedule and the endpoints until SIGTERM or SIGINT."""

        def ready(port: int) -> None:
            self.log.write("INFO", "ready", f"listening on {port}", port=port)

        await endpoints.serve(self.app(), listen, ready, [self._schedule()])

    def app(self) -> web.Application:
        """The endpoints; all but health and metrics want the token."""
        app = web.Application(middlewares=[middleware(self._guard)])
        app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/metrics", self._metrics),
                web.get("/control", self._get_control),
                web.put("/control/freeze", self._freeze),
                web.put("/control/delay", self._delay),
                web.get("/config", self._get_config),
                web.put("/config/period_s", self._change_period),
                web.put("/config/steps/{step}/{key}", self._change_step),
                web.post("/runs", self._start_run),
                web.put("/runs", self._carry_on),
            ]
        )
        return app

    def scale(self) -> float:
        """Scenario seconds in a real one."""
        return self.announced.time_scale if self.announced else 1.0

    @property
    def _real_period_s(self) -> float:
        return self._period_s / self.scale()

    async def _schedule(self) -> None:
        """A run every period; a delayed one starts later, and skips while behind; a frozen one does not start.

        A new period holds from the next run on.
        """
        await self._seed_first()
        while True:
            self._restarted.clear()
            started_s = self.announced.unix_s(-self.announced.warmup_s) if self.announced else time.time()
            n, period_s = 0, self._real_period_s
            while not self._restarted.is_set():
                if period_s != self._real_period_s:  # a new one counts from the same beginning
                    period_s = self._real_period_s
                    n = max(0, math.floor((time.time() - started_s) / period_s))
                n += 1
                due_s = started_s + n * period_s
                if due_s < time.time() - period_s:
                    continue
                if await self._restarts_within(due_s - time.time()):
                    break
                if late_s := self._control.delay_s / self.scale():
                    started_s += late_s
                    if await self._restarts_within(late_s):
                        break
                if not self._control.is_frozen:
                    await self.run_once()

    async def _restarts_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._restarted.wait(), max(0.0, seconds))
        except TimeoutError:
            return False
        return True

    async def run_once(self) -> str:
        """One run of the job; returns how it ended."""
        root, start_ns, status = root_span(), time.time_ns(), "ok"
        try:
            await self.work(root)
            self._last_success_s = time.time()
        except CallFailedError as error:
            status = error.status
        end_ns = time.time_ns()
        seconds = (end_ns - start_ns) / NS
        self._telemetry.span(Span(root, "run", "internal", start_ns, end_ns, {"lab.status": status}))
        self._runs.labels(status).inc()
        severity = "INFO" if status == "ok" else "ERROR"
        self.log.write(severity, "job_run", texts.job_run(status), root, duration_s=seconds)
        return status

    # Endpoints.

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=page(self._registry), headers={"Content-Type": CONTENT_TYPE})

    async def _get_control(self, _: web.Request) -> web.Response:
        return web.json_response(self._control.describe())

    async def _freeze(self, request: web.Request) -> web.Response:
        return await self._changed(
            request, lambda body: self._control.freeze(bool(body["frozen"]), body.get("lease_s"))
        )

    async def _delay(self, request: web.Request) -> web.Response:
        return await self._changed(
            request, lambda body: self._control.delay(float(body["seconds"]), body.get("lease_s"))
        )

    async def _changed(self, request: web.Request, change: Any) -> web.Response:
        try:
            change(json.loads(await request.read()))
        except (ValueError, KeyError, TypeError) as error:
            return endpoints.refused(error)
        return web.json_response(self._control.describe())

    async def _get_config(self, _: web.Request) -> web.Response:
        return web.json_response({"period_s": self._period_s, "steps": describe_steps(self._policies)})

    async def _change_period(self, request: web.Request) -> web.Response:
        try:
            value = json.loads(await request.read())["value"]
            self._period_s = checked("period_s", JOB_KEYS["period_s"], value)
        except (ValueError, KeyError, TypeError) as error:
            return endpoints.refused(error)
        return await self._get_config(request)

    async def _change_step(self, request: web.Request) -> web.Response:
        step, key = request.match_info["step"], request.match_info["key"]
        try:
            change_step(self._policies, step, key, json.loads(await request.read())["value"])
        except NoSettingError as error:
            return endpoints.refused(error, 404)
        except (ValueError, KeyError, TypeError) as error:
            return endpoints.refused(error)
        return await self._get_config(request)

    async def _start_run(self, request: web.Request) -> web.Response:
        """Takes over a run: database and cache are filled anew, the schedule starts with its warm-up."""
        try:
            run = await endpoints.run_of(request)
        except (ValueError, TypeError) as error:
            return endpoints.refused(error)
        try:
            await self.seed(run, anew=True)
        except STORE_ERRORS as error:
            return endpoints.refused(error, 503)
        self.announced = run
        self.forget()
        self._last_success_s = time.time()
        self._restarted.set()
        return web.json_response({"seeded_at": datetime.now(UTC).isoformat()})

    async def _carry_on(self, request: web.Request) -> web.Response:
        """Takes a run over from a process that has ended: database and cache stay, the schedule goes on."""
        try:
            self.announced = await endpoints.run_of(request)
        except (ValueError, TypeError) as error:
            return endpoints.refused(error)
        self._restarted.set()
        return web.json_response(self.announced.to_json())

    async def _seed_first(self) -> None:
        """Sees to it that there is something before the first run; tries until it succeeds."""
        some_run = Run(seed=0, start_unix_s=time.time(), duration_s=1.0, warmup_s=0.0, stages=((1.0, 1.0),))

        def say(state: RetryCallState) -> None:
            assert state.outcome is not None
            self.log.write("WARN", "seed_failed", str(state.outcome.exception()).strip())

        retry = retry_if_exception_type(STORE_ERRORS)
        await AsyncRetrying(wait=wait_fixed(SEED_RETRY_S), retry=retry, before_sleep=say)(
            self.seed, some_run, anew=False
        )
