"""One run of the job: aggregate new events into the database, then refresh cache entries of users with events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import redis.asyncio as redis

from lab.agreed.cache import key
from lab.systems.topology import Step
from lab.worlds.shop.behaviour import CLICK_WEIGHT
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.registration import USER
from services.common.calls import Caller
from services.common.job_stores import on_own_connection, refresh_entries
from services.common.trace import TraceContext, sql_comment
from services.shop.feed import tables


@dataclass(slots=True)
class Pass:
    """What the steps of one run hand on: users with events since entries were last refreshed, and their rows."""

    touched: set[int]
    rows: list[dict[str, Any]]


class Job:
    """The feed's work. Each run makes its own connection: a dead one is never met again."""

    def __init__(self, conninfo: str, cache: redis.Redis, catalog: Catalog, time_scale: Callable[[], float]) -> None:
        self._conninfo = conninfo
        self._cache = cache
        self._catalog = catalog
        self._time_scale = time_scale
        self._touched: set[int] = set()
        self.operations: Mapping[str, Callable[[Step, TraceContext, Pass], Awaitable[None]]] = {
            "aggregate_events": self._aggregate,
            "refresh_entries": self._refresh,
        }

    async def run(self, caller: Caller, steps: tuple[Step, ...], root: TraceContext) -> None:
        """Runs the steps in order; CallFailedError from the first that fails for good."""
        work = Pass(self._touched, [])
        for step in steps:
            operation = self.operations[str(step.operation)]
            await caller.call(step, root, lambda span, op=operation, s=step: op(s, span, work))
        self._touched.clear()

    def forget(self) -> None:
        """Drops what earlier runs have left to do."""
        self._touched.clear()

    async def _aggregate(self, step: Step, span: TraceContext, work: Pass) -> None:
        """The feature columns follow from the events, in one transaction."""
        comment = sql_comment(span, "feed", "aggregate_events")
        await on_own_connection(self._conninfo, lambda connection: self._aggregate_on(connection, comment, work))

    async def _aggregate_on(self, connection: tables.Connection, comment: str, work: Pass) -> None:
        async with connection.transaction():
            events = await tables.take_events(connection, comment)
            aggregate, before = await tables.read_state(connection, self._catalog, comment)
            now = datetime.now(UTC)
            aggregate.decay((now - before).total_seconds() * self._time_scale())
            ages_s = np.maximum(0.0, now.timestamp() - events.times_s) * self._time_scale()
            for is_click, weight in ((False, 1.0), (True, CLICK_WEIGHT)):
                chosen = events.is_click == is_click
                users, categories, prices = events.users[chosen], events.categories[chosen], events.log_prices[chosen]
                aggregate.add(users, categories, prices, ages_s[chosen], weight)
            await tables.write_columns(connection, aggregate, now, comment)
            touched = work.touched | set(np.unique(events.users).tolist())
            rows = await tables.read_rows(connection, sorted(touched), comment)
        work.touched |= touched
        work.rows = rows

    async def _refresh(self, step: Step, span: TraceContext, work: Pass) -> None:
        """Writes the entries that are there anew; those of users without events are left to expire."""
        # A renamed key column would be a fault of its own; rows carry the id they were asked for.
        keys = [key(USER, row["user_id"]) for row in work.rows]
        await refresh_entries(self._cache, keys, work.rows)
