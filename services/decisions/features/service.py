"""Puts the feature service together: its tables, its plan, its two ports."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from lab.systems.topology import System
from lab.worlds.decisions.features import FEATURES
from services.common import web
from services.common.calls import Caller
from services.common.control import Guard
from services.common.log import Log
from services.common.metrics import attempt_durations, count_dropped
from services.common.plans import Plan, step_to
from services.common.policies import policies
from services.common.settings import Listen
from services.common.stores import CacheEntries, Records
from services.common.telemetry import Telemetry
from services.decisions.features.app import features_app
from services.decisions.features.content import Content
from services.decisions.features.table import FeatureTable


class FeatureService:
    """One feature service, with a database and a cache (or the fault proxy in front of them)."""

    def __init__(self, system: System, telemetry: Telemetry, conninfo: str, cache_url: str, guard: Guard) -> None:
        name = telemetry.service
        component = system.components[name]
        registry, self.log = CollectorRegistry(), Log(telemetry)
        policy_of = policies(component.steps)
        caller = Caller(telemetry, self.log, policy_of, attempt_durations(registry))
        count_dropped(telemetry, registry)
        self._entries, self._records = CacheEntries(cache_url), Records(conninfo)
        steps = {str(step.operation): step for step in component.steps}
        tables = [FeatureTable(table, name, self._entries, self._records, steps) for table in FEATURES]
        content = Content(self.log)
        plan = Plan(
            component,
            caller,
            Counter("fallbacks_total", "Times a fallback was used.", ["fallback"], registry=registry),
            operations={operation: do for table in tables for operation, do in table.operations.items()},
            own=content.own,
            fallbacks=content.fallbacks,
        )
        observer = web.Observer(step_to(system, name).name, telemetry, registry)
        self.app = features_app(plan, observer)
        self.config = web.config_app("features configuration", policy_of, guard)

    async def serve(self, main: Listen, config: Listen) -> None:
        """Serves both ports until SIGTERM or SIGINT."""
        await web.serve([(self.app, main), (self.config, config)], self.log)
        await self._records.close()
        await self._entries.close()
