"""The collector's endpoints and its clock: OTLP in, samples at the ends of the run's scrape intervals, files out."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import aiohttp
import redis.asyncio as redis
from aiohttp import web

from lab.agreed.run import Run
from lab.agreed.telemetry import KINDS
from lab.content.stack import StackPart
from lab.recording import texts
from services.collector import otlp, samples
from services.collector.forward import Forwarder
from services.collector.host import HostSampler
from services.collector.intervals import Intervals
from services.collector.recent import Recent
from services.collector.serving_metrics import ServingMetrics
from services.collector.statements import StatementLog
from services.collector.store import Store
from services.collector.worker_metrics import WorkerMetrics
from services.common import endpoints
from services.common.control import Guard, middleware
from services.common.settings import Listen

POLL_S = 0.5
SAMPLE_AFTER_S = 30.0
"""How long after a run's end, in real seconds, samples are taken still: none of them is recorded."""
REQUEST_BYTES = 3000
"""What a request leaves at least in raw telemetry; where there is no room for that, a run is not begun."""
BODY_MAX_BYTES = 64 << 20
OPEN_PATHS = ("/v1/traces", "/v1/logs", "/slis", "/healthz")
"""Every service sends telemetry, and how users fare is no secret; only the lab begins and takes a recording."""


@dataclass(frozen=True)
class Sources:
    """Where samples come from; names are the components'. `targets`: Prometheus pages by component; `workers`: of
    those that say by it alone how they serve."""

    cache_name: str
    cache: redis.Redis
    model_name: str
    model_url: str
    targets: dict[str, str]
    statements: StatementLog
    host: HostSampler
    model_metrics: ServingMetrics
    workers: Sequence[WorkerMetrics] = ()


class Collector:
    """One collector; it samples while it has a run."""

    def __init__(
        self,
        store: Store,
        sources: Sources,
        scrape_interval_s: float,
        users: str,
        part: StackPart,
        guard: Guard,
        forward_url: str = "",
    ) -> None:
        self._store = store
        self._guard = guard
        self._users = users
        self._counted = part.counted
        self._recent = Recent(users, part, time.time)
        self._intervals: Intervals | None = None
        self._forwarder = Forwarder(forward_url)
        self._sources = sources
        self._interval_s = scrape_interval_s
        self._run: Run | None = None
        self._version: int | None = None

    def app(self) -> web.Application:
        """The endpoints; all but those of OPEN_PATHS want the token."""
        app = web.Application(client_max_size=BODY_MAX_BYTES, middlewares=[middleware(self._guard)])
        app.add_routes(
            [
                web.post("/v1/traces", self._taker("spans", otlp.read_spans, self._watch_spans)),
                web.post("/v1/logs", self._taker("logs", otlp.read_logs, self._watch_logs)),
                web.post("/runs", self._start_run),
                web.get("/slis", self._slis),
                web.get("/intervals", self._rows),
                web.post("/flush", self._flush),
                web.get("/files/{name}.jsonl", self._file),
                web.get("/healthz", self._health),
            ]
        )
        return app

    async def serve(self, listen: Listen) -> None:
        """Takes in and samples until SIGTERM or SIGINT."""

        def ready(port: int) -> None:
            print(json.dumps({"component": "collector", "event": "ready", "port": port}), flush=True)

        async with aiohttp.ClientSession() as session:
            work = (self._sample(session), self._poll(session), self._forwarder.run(session))
            await endpoints.serve(self.app(), listen, ready, work)
        self._store.flush()

    def _taker(
        self, kind: str, read: Callable[..., list[otlp.Record]], watch: Callable[[list[otlp.Record]], None]
    ) -> Callable[[web.Request], Any]:
        async def take(request: web.Request) -> web.Response:
            is_json = request.content_type == "application/json"
            try:
                records = read(await request.read(), is_json=is_json)
            except otlp.BadExportError as error:
                return web.json_response({"message": str(error)}, status=400)
            self._store.add(kind, records)
            watch(records)
            if kind == "spans":
                self._forwarder.put(await request.read(), request.content_type)
            # An empty message says that everything was accepted.
            return web.Response(body=b"{}" if is_json else b"", content_type=request.content_type)

        return take

    async def _start_run(self, request: web.Request) -> web.Response:
        """Forgets what was collected and samples at the ends of this run's intervals."""
        try:
            run = await endpoints.run_of(request)
        except (ValueError, TypeError) as error:
            return endpoints.refused(error)
        self._store.clear()
        self._run = self._intervals = None  # a run that is refused leaves none: the one before is not sampled on
        requests = sum(rate * for_s for for_s, rate in run.stages) / run.time_scale
        needed_mb, free_mb = REQUEST_BYTES * requests / 1e6, self._store.free_bytes() / 1e6
        if free_mb < needed_mb:
            error = f"the collector has no room for this run: {free_mb:.1f} MB free, at least {needed_mb:.1f} MB needed"
            return web.json_response({"error": error}, status=507)
        self._recent.forget()
        self._intervals = Intervals(self._users, self._counted, self._interval_s, run)
        list(self._sources.statements.read_new())
        self._sources.host.sample()
        self._run, self._version = run, None
        return web.json_response({"status": "ok"})

    async def _slis(self, request: web.Request) -> web.Response:
        """What users get just now: `?window_s=5` real seconds."""
        try:
            window_s = _number(request.query.get("window_s", "5"))
        except ValueError as error:
            return web.json_response({"error": f"expected window_s, a number: {error}"}, status=400)
        more = {"requests": self._recent.load(), "unwritten": self._store.unwritten}
        return web.json_response({**self._recent.slis(window_s), **more})

    async def _rows(self, request: web.Request) -> web.Response:
        """The run so far by scrape interval: `?until_s=60` scenario seconds."""
        try:
            until_s = _number(request.query["until_s"])
        except (KeyError, ValueError) as error:
            return web.json_response({"error": f"expected until_s, a number: {error}"}, status=400)
        if self._intervals is None or self._run is None:
            return web.json_response({"error": "no run was announced"}, status=404)
        return web.json_response({"intervals": self._intervals.rows(min(until_s, self._run.duration_s))})

    def _watch_spans(self, records: list[otlp.Record]) -> None:
        self._recent.add_spans(records)
        if self._intervals is not None:
            self._intervals.add_spans(records)

    def _watch_logs(self, records: list[otlp.Record]) -> None:
        self._recent.add_logs(records)
        if self._intervals is not None:
            self._intervals.add_logs(records)

    async def _flush(self, _: web.Request) -> web.Response:
        self._store.add("statements", self._sources.statements.read_new())
        counts = self._store.flush()
        return web.json_response({**counts, **({"unwritten": self._store.unwritten} if self._store.unwritten else {})})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in KINDS:
            return web.json_response({"error": f"expected one of {', '.join(KINDS)}"}, status=404)
        return web.FileResponse(self._store.path(name))

    async def _health(self, _: web.Request) -> web.Response:
        unwritten = self._store.unwritten
        return web.json_response({"status": unwritten or "ok"}, status=507 if unwritten else 200)

    async def _sample(self, session: aiohttp.ClientSession) -> None:
        """Takes samples whenever an interval of the run ends; a stack that is kept must not fill its disk with them."""
        run, n = None, 0
        while True:
            if self._run is None or time.time() > self._run.unix_s(self._run.duration_s) + SAMPLE_AFTER_S:
                await asyncio.sleep(POLL_S)
                continue
            if run is not self._run:
                run, n = self._run, math.ceil(self._run.now_s / self._interval_s)
            left_s = run.unix_s(n * self._interval_s) - time.time()
            await asyncio.sleep(min(max(0.0, left_s), POLL_S))
            if run is self._run and run.now_s >= n * self._interval_s:
                await self._take_samples(session, n * self._interval_s)
                # Intervals that have ended meanwhile are lost; their counts are in the next sample.
                n = max(n + 1, math.floor(run.now_s / self._interval_s))

    async def _take_samples(self, session: aiohttp.ClientSession, time_s: float) -> None:
        taken, host = time.time(), self._sources.host.sample()
        interval = round(time_s / self._interval_s)
        scraped, *served = await asyncio.gather(
            samples.scrape(session, self._sources.targets),
            samples.sample_cache(self._sources.cache_name, self._sources.cache),
            self._sources.model_metrics.sample(session, interval),
            *(workers.sample(session, interval) for workers in self._sources.workers),
        )
        if self._version is not None:
            scraped.append((self._sources.model_name, "model.version", float(self._version)))
        when = {"time_s": time_s, "unix_s": taken}
        found = [(*sample, "") for sample in (*chain(*served), *scraped)] + host
        self._store.add(
            "metrics",
            (
                when | {"component": component, "metric": metric, "value": value, "attribute": attribute}
                for component, metric, value, attribute in found
            ),
        )

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        """Follows the statement log and the model server's versions."""
        while True:
            await asyncio.sleep(POLL_S)
            if self._run is None:
                continue
            self._store.add("statements", self._sources.statements.read_new())
            version = await samples.served_version(session, self._sources.model_url)
            if version is not None and version != self._version:
                if self._version is not None:
                    self._log_version(version)
                self._version = version

    def _log_version(self, version: int) -> None:
        """A model server of any make says so on its status page, not in a log we could read."""
        body = texts.version_loaded(version)
        self._store.add(
            "logs",
            [
                {
                    "service": self._sources.model_name, "time_ns": time.time_ns(), "severity": "INFO",
                    "event": "version_loaded", "body": body, "trace_id": "", "span_id": "", "attributes": {},
                }
            ],
        )  # fmt: skip


def _number(text: str) -> float:
    """A finite number; ValueError for anything else that reads as one, too."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value
