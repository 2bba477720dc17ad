"""The feed job as a service: its schedule and levers; its runs as spans, logs and metrics; the seeding of a run."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import time
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
from lab.worlds.shop.catalog import make_catalog
from services.common.calls import Caller, CallFailedError
from services.common.configuration import NoSettingError, change_step, checked, describe_steps
from services.common.control import Guard, middleware
from services.common.log import Log
from services.common.metrics import CONTENT_TYPE, attempt_durations, count_dropped, page
from services.common.policies import policies
from services.common.settings import Listen
from services.common.telemetry import Span, Telemetry
from services.common.trace import root_span
from services.shop.feed import tables
from services.shop.feed.control import Control
from services.shop.feed.job import Job
from services.shop.feed.seed import is_seeded, seed
from services.shop.past import lived_through, shoppers_of

SEED_RETRY_S = 1.0


class FeedService:
    """One feed. Without a run it works in real time, from its own start."""

    def __init__(self, system: System, telemetry: Telemetry, conninfo: str, cache: redis.Redis, guard: Guard) -> None:
        assert system.world is not None
        self._world = system.world
        self._spec = system.components[telemetry.service]
        self._telemetry = telemetry
        self._conninfo = conninfo
        self._cache = cache
        self._guard = guard
        self._log = Log(telemetry)
        self._last_success_s = time.time()
        self._registry = registry = CollectorRegistry()
        text = "Runs finished, by how they ended."
        self._runs = Counter("job_runs_total", text, ["status"], registry=registry)
        age = Gauge("job_last_success_age_seconds", "Time since a run last succeeded.", registry=registry)
        age.set_function(lambda: time.time() - self._last_success_s)
        count_dropped(telemetry, registry)
        self._policies = policies(self._spec.steps)
        self._caller = Caller(telemetry, self._log, self._policies, attempt_durations(registry))
        self._period_s = self._spec.period_s
        self._control = Control()
        self._run: Run | None = None
        self._restarted = asyncio.Event()
        self._job = Job(conninfo, cache, make_catalog(self._world.seed), self._scale)

    async def serve(self, listen: Listen) -> None:
        """Runs the schedule and the endpoints until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        runner = web.AppRunner(self.app(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, listen.host, listen.port)
        await site.start()
        self._log.write("INFO", "ready", f"listening on {runner.addresses[0][1]}", port=runner.addresses[0][1])
        schedule = asyncio.create_task(self._schedule())
        stopped = asyncio.create_task(stop.wait())
        # A schedule that ends has failed, and its failure ends the service.
        await asyncio.wait([schedule, stopped], return_when=asyncio.FIRST_COMPLETED)
        if schedule.done():
            schedule.result()
        schedule.cancel()
        await runner.cleanup()

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

    def _scale(self) -> float:
        return self._run.time_scale if self._run else 1.0

    @property
    def _real_period_s(self) -> float:
        return self._period_s / self._scale()

    async def _schedule(self) -> None:
        """A run every period; a delayed one starts later, and skips while behind; a frozen one does not start.

        A new period holds from the next run on.
        """
        await self._seed_first()
        while True:
            self._restarted.clear()
            started_s = self._run.unix_s(-self._run.warmup_s) if self._run else time.time()
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
                if late_s := self._control.delay_s / self._scale():
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
            await self._job.run(self._caller, self._spec.steps, root)
            self._last_success_s = time.time()
        except CallFailedError as error:
            status = error.status
        end_ns = time.time_ns()
        seconds = (end_ns - start_ns) / NS
        self._telemetry.span(Span(root, "run", "internal", start_ns, end_ns, {"lab.status": status}))
        self._runs.labels(status).inc()
        severity = "INFO" if status == "ok" else "ERROR"
        self._log.write(severity, "job_run", texts.job_run(status), root, duration_s=seconds)
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
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(self._control.describe())

    async def _get_config(self, _: web.Request) -> web.Response:
        return web.json_response({"period_s": self._period_s, "steps": describe_steps(self._policies)})

    async def _change_period(self, request: web.Request) -> web.Response:
        try:
            value = json.loads(await request.read())["value"]
            self._period_s = checked("period_s", JOB_KEYS["period_s"], value)
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._get_config(request)

    async def _change_step(self, request: web.Request) -> web.Response:
        step, key = request.match_info["step"], request.match_info["key"]
        try:
            change_step(self._policies, step, key, json.loads(await request.read())["value"])
        except NoSettingError as error:
            return web.json_response({"error": str(error)}, status=404)
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._get_config(request)

    async def _start_run(self, request: web.Request) -> web.Response:
        """Takes over a run: database and cache are filled anew, the schedule starts with its warm-up."""
        try:
            run = Run.from_json(json.loads(await request.read()))
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        try:
            await self._seed(run, anew=True)
        except (psycopg.Error, redis.RedisError, OSError) as error:
            return web.json_response({"error": str(error)}, status=503)
        self._run = run
        self._job.forget()
        self._last_success_s = time.time()
        self._restarted.set()
        return web.json_response({"seeded_at": datetime.now(UTC).isoformat()})

    async def _carry_on(self, request: web.Request) -> web.Response:
        """Takes a run over from a process that has ended: database and cache stay, the schedule goes on."""
        try:
            self._run = Run.from_json(json.loads(await request.read()))
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._restarted.set()
        return web.json_response(self._run.to_json())

    async def _seed(self, run: Run, *, anew: bool) -> None:
        """Fills the database and empties the cache; without `anew` only where there is no shop yet."""
        connection = await tables.Connection.connect(
            self._conninfo, autocommit=True, cursor_factory=psycopg.AsyncClientCursor
        )
        async with connection:
            if not anew and await is_seeded(connection):
                return
            shoppers = await asyncio.to_thread(shoppers_of, run, self._world)
            await seed(connection, shoppers.catalog, await asyncio.to_thread(lived_through, shoppers, run))
        # The cache may have been started anew since the last run: connections to the one before lead nowhere.
        await self._cache.connection_pool.disconnect(inuse_connections=False)
        await self._cache.flushdb()

    async def _seed_first(self) -> None:
        """Sees to it that there is a shop before the first run; tries until it succeeds."""
        some_run = Run(seed=0, start_unix_s=time.time(), duration_s=1.0, warmup_s=0.0, stages=((1.0, 1.0),))

        def say(state: RetryCallState) -> None:
            assert state.outcome is not None
            self._log.write("WARN", "seed_failed", str(state.outcome.exception()).strip())

        retry = retry_if_exception_type((psycopg.Error, redis.RedisError, OSError))
        await AsyncRetrying(wait=wait_fixed(SEED_RETRY_S), retry=retry, before_sleep=say)(
            self._seed, some_run, anew=False
        )
