"""Puts the feature service together: its lookups, its plan, its two ports."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter
from redis.backoff import NoBackoff
from redis.retry import Retry
from tenacity import AsyncRetrying, retry_if_exception_type, wait_fixed

from lab.systems.topology import System
from services.common.calls import Caller, CallFailedError
from services.common.control import Guard
from services.common.log import Log
from services.common.metrics import attempt_durations, count_dropped
from services.common.policies import policies
from services.common.settings import Listen
from services.common.telemetry import Telemetry
from services.shop.features.app import config_app, recommend_app
from services.shop.features.lookups import CacheLookup, RowLookup
from services.shop.features.plan import Plan
from services.shop.features.ruling import Rules
from services.shop.features.scoring import ModelScores

KEEP_ALIVE_S = 120
ITEMS_RETRY_S = 0.5


@dataclass(frozen=True)
class Addresses:
    """Where the dependencies are (or the fault proxy in front of them)."""

    database: str
    cache_url: str
    model: str
    model_name: str
    rules_url: str


class FeatureService:
    """One feature service."""

    def __init__(self, system: System, telemetry: Telemetry, addresses: Addresses, guard: Guard) -> None:
        component = system.components[telemetry.service]
        callee = {step.operation: str(step.call) for step in component.steps if step.call}
        registry, log = CollectorRegistry(), Log(telemetry)
        self.policies = policies(component.steps)
        caller = Caller(telemetry, log, self.policies, attempt_durations(registry))
        fallbacks = Counter("fallbacks_total", "Times a fallback was used.", ["fallback"], registry=registry)
        count_dropped(telemetry, registry)
        # One attempt is one attempt: the plan retries, and its deadlines are not the client's.
        client = redis.from_url(addresses.cache_url, retry=Retry(NoBackoff(), 0), max_connections=256)
        self._cache = client
        self._rows = RowLookup(addresses.database, callee["read_row"])
        self._model = ModelScores(addresses.model, addresses.model_name)
        self._rules = Rules(addresses.rules_url)
        cache = CacheLookup(client, callee["read_entry"])
        operations = {
            "read_entry": cache.read_entry,
            "read_row": self._rows.read_row,
            "write_entry": cache.write_entry,
            "predict": self._model.predict,
            "apply_rules": self._rules.apply_rules,
        }
        self._plan = Plan(component, operations, caller, log, fallbacks)
        self.log = log
        self.app = recommend_app(self._plan, system.components[system.users].steps[0].name, telemetry, registry)
        self.config = config_app(self.policies, guard)

    async def load_items(self) -> None:
        """Reads the catalogue; tries until it succeeds. Until then the service is not healthy."""
        retry = retry_if_exception_type((CallFailedError, TimeoutError))
        async for attempt in AsyncRetrying(wait=wait_fixed(ITEMS_RETRY_S), retry=retry):
            with attempt:
                items = await asyncio.wait_for(self._rows.read_items(), ITEMS_RETRY_S * 10)
        self._rules.items = self._plan.items = items
        self.log.write("INFO", "catalogue_loaded", f"{len(items['item_id'])} items")

    async def close(self) -> None:
        """Closes all connections."""
        await self._rows.close()
        await self._model.close()
        await self._rules.close()
        await self._cache.aclose()


class _Server(uvicorn.Server):
    """Leaves signals to its caller: two servers of one process must not fight over them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(service: FeatureService, main: Listen, config: Listen) -> None:
    """Serves both ports until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    loading = asyncio.create_task(service.load_items())
    servers = [_server(service.app, main), _server(service.config, config)]
    serving = [asyncio.create_task(server.serve()) for server in servers]
    stopped = asyncio.create_task(stop.wait())
    while not all(server.started or task.done() for server, task in zip(servers, serving, strict=True)):
        await asyncio.sleep(0.01)
    ports = [server.servers[0].sockets[0].getsockname()[1] for server in servers if server.started]
    service.log.write("INFO", "ready", f"listening on {ports}", ports=ports)
    await asyncio.wait([stopped, *serving], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving)
    for task in (loading, stopped):
        task.cancel()
    await service.close()


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
