"""The aggregator as a service: its work, and the seeding of a run."""

from __future__ import annotations

import asyncio

import psycopg
import redis.asyncio as redis

from lab.agreed.run import Run
from lab.systems.topology import System
from lab.worlds.decisions.population import make_population
from services.common.control import Guard
from services.common.job_stores import Connection, empty
from services.common.jobs import JobService
from services.common.telemetry import Telemetry
from services.common.trace import TraceContext
from services.decisions.aggregator.job import Job
from services.decisions.aggregator.seed import is_seeded, seed
from services.decisions.past import cardholders_of, hour_s_of, lived_through


class AggregatorService(JobService):
    """One aggregator."""

    def __init__(self, system: System, telemetry: Telemetry, conninfo: str, cache: redis.Redis, guard: Guard) -> None:
        super().__init__(system, telemetry, guard)
        assert system.world is not None
        self._world = system.world
        self._conninfo = conninfo
        self._cache = cache
        # Everybody: who rests in compressed time has rows all the same.
        population = make_population(self._world.seed)
        self._job = Job(telemetry.service, conninfo, cache, population, self._hour_real_s)

    def _hour_real_s(self) -> float:
        return hour_s_of(self._world) / self.scale()

    async def work(self, root: TraceContext) -> None:
        await self._job.run(self.caller, self.spec.steps, root)

    def forget(self) -> None:
        self._job.forget()

    async def seed(self, run: Run, *, anew: bool) -> None:
        connection = await Connection.connect(self._conninfo, autocommit=True, cursor_factory=psycopg.AsyncClientCursor)
        async with connection:
            if not anew and await is_seeded(connection):
                return
            past = await asyncio.to_thread(lambda: lived_through(cardholders_of(run, self._world)))
            population = make_population(self._world.seed)
            await seed(connection, population, past, hour_s_of(self._world) / run.time_scale)
        await empty(self._cache)
