"""Puts the feature service together: its lookups, its plan, its two ports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from tenacity import AsyncRetrying, retry_if_exception_type, wait_fixed

from lab.systems.topology import System
from services.common import web
from services.common.calls import Caller, CallFailedError
from services.common.control import Guard
from services.common.log import Log
from services.common.metrics import attempt_durations, count_dropped
from services.common.plans import Plan
from services.common.policies import policies
from services.common.predictions import ModelScores
from services.common.settings import Listen
from services.common.stores import CacheEntries, Records
from services.common.telemetry import Telemetry
from services.shop.features.app import recommend_app
from services.shop.features.content import Content
from services.shop.features.lookups import CacheLookup, RowLookup
from services.shop.features.ruling import Rules
from services.shop.features.scoring import CandidateScores

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
        count_dropped(telemetry, registry)
        self._entries = CacheEntries(addresses.cache_url)
        self._records = Records(addresses.database)
        self._model = ModelScores(addresses.model, addresses.model_name)
        self._rules = Rules(addresses.rules_url)
        self._content = content = Content(log)
        cache = CacheLookup(self._entries, callee["read_entry"])
        self._rows = RowLookup(self._records, callee["read_row"])
        plan = Plan(
            component,
            caller,
            Counter("fallbacks_total", "Times a fallback was used.", ["fallback"], registry=registry),
            operations={
                "read_entry": cache.read_entry,
                "read_row": self._rows.read_row,
                "write_entry": cache.write_entry,
                "predict": CandidateScores(self._model).predict,
                "apply_rules": self._rules.apply_rules,
            },
            own=content.own,
            fallbacks=content.fallbacks,
        )
        self.log = log
        observer = web.Observer(system.components[system.users].steps[0].name, telemetry, registry)
        self.app = recommend_app(plan, content, observer)
        self.config = web.config_app("features configuration", self.policies, guard)

    async def load_items(self) -> None:
        """Reads the catalogue; tries until it succeeds. Until then the service is not healthy."""
        retry = retry_if_exception_type((CallFailedError, TimeoutError))
        async for attempt in AsyncRetrying(wait=wait_fixed(ITEMS_RETRY_S), retry=retry):
            with attempt:
                items = await asyncio.wait_for(self._rows.read_items(), ITEMS_RETRY_S * 10)
        self._rules.items = self._content.items = items
        self.log.write("INFO", "catalogue_loaded", f"{len(items['item_id'])} items")

    async def close(self) -> None:
        """Closes all connections."""
        await self._records.close()
        await self._model.close()
        await self._rules.close()
        await self._entries.close()


async def serve(service: FeatureService, main: Listen, config: Listen) -> None:
    """Serves both ports until SIGTERM or SIGINT."""
    loading = asyncio.create_task(service.load_items())
    await web.serve([(service.app, main), (service.config, config)], service.log)
    loading.cancel()
    await service.close()
