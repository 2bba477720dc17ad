"""The feed job as a service: its work, and the seeding of a run."""

from __future__ import annotations

import asyncio

import psycopg
import redis.asyncio as redis

from lab.agreed.run import Run
from lab.systems.topology import System
from lab.worlds.shop.catalog import make_catalog
from services.common.control import Guard
from services.common.job_stores import empty
from services.common.jobs import JobService
from services.common.telemetry import Telemetry
from services.common.trace import TraceContext
from services.shop.feed import tables
from services.shop.feed.job import Job
from services.shop.feed.seed import is_seeded, seed
from services.shop.past import lived_through, shoppers_of


class FeedService(JobService):
    """One feed."""

    def __init__(self, system: System, telemetry: Telemetry, conninfo: str, cache: redis.Redis, guard: Guard) -> None:
        super().__init__(system, telemetry, guard)
        assert system.world is not None
        self._world = system.world
        self._conninfo = conninfo
        self._cache = cache
        self._job = Job(conninfo, cache, make_catalog(self._world.seed), self.scale)

    async def work(self, root: TraceContext) -> None:
        await self._job.run(self.caller, self.spec.steps, root)

    def forget(self) -> None:
        self._job.forget()

    async def seed(self, run: Run, *, anew: bool) -> None:
        connection = await tables.Connection.connect(
            self._conninfo, autocommit=True, cursor_factory=psycopg.AsyncClientCursor
        )
        async with connection:
            if not anew and await is_seeded(connection):
                return
            shoppers = await asyncio.to_thread(shoppers_of, run, self._world)
            await seed(connection, shoppers.catalog, await asyncio.to_thread(lived_through, shoppers, run))
        await empty(self._cache)
