"""One run of the job: what was paid and reported becomes columns of the database, then fresh entries of the cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import redis.asyncio as redis

from lab.agreed.cache import key
from lab.systems.topology import Step
from lab.worlds.decisions.population import Population
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from services.common.calls import Caller
from services.common.job_stores import Connection, on_own_connection, refresh_entries
from services.common.trace import TraceContext, sql_comment
from services.decisions.aggregator import tables
from services.decisions.tables import KINDS

AGGREGATE = "aggregate_payments"
Touched = dict[str, set[int]]


def nobody() -> Touched:
    """No card, no merchant."""
    return {table: set() for table in KINDS}


@dataclass(slots=True)
class Pass:
    """What the steps of one run hand on: by table, the rows of those with news since entries were last refreshed."""

    rows: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)


class Job:
    """The aggregator's work. `hour_real_s`: real seconds of an hour of the payers' lives."""

    def __init__(
        self, name: str, conninfo: str, cache: redis.Redis, population: Population, hour_real_s: Callable[[], float]
    ) -> None:
        self._name = name
        self._conninfo = conninfo
        self._cache = cache
        self._population = population
        self._hour_real_s = hour_real_s
        self._touched = nobody()
        self.operations: Mapping[str, Callable[[TraceContext, Pass], Awaitable[None]]] = {
            AGGREGATE: self._aggregate,
            "refresh_cards": partial(self._refresh, CARD_TABLE),
            "refresh_merchants": partial(self._refresh, MERCHANT_TABLE),
        }

    async def run(self, caller: Caller, steps: tuple[Step, ...], root: TraceContext) -> None:
        """Runs the steps in order; CallFailedError from the first that fails for good."""
        work = Pass()
        for step in steps:
            operation = self.operations[str(step.operation)]
            await caller.call(step, root, lambda span, op=operation: op(span, work))
        self.forget()

    def forget(self) -> None:
        """Drops what earlier runs have left to do."""
        self._touched = nobody()

    async def _aggregate(self, span: TraceContext, work: Pass) -> None:
        """The feature columns follow from what was paid and reported, in one transaction."""
        comment = sql_comment(span, self._name, AGGREGATE)
        await on_own_connection(self._conninfo, lambda connection: self._aggregate_on(connection, comment, work))

    async def _aggregate_on(self, connection: Connection, comment: str, work: Pass) -> None:
        async with connection.transaction():
            paid = await tables.take_payments(connection, comment)
            reported = await tables.take_reports(connection, comment)
            aggregates, before = await tables.read_state(connection, self._population, comment)
            now, hour_s = datetime.now(UTC), self._hour_real_s()

            def hours_ago(times_s: tables.Array) -> tables.Array:
                return np.maximum(0.0, now.timestamp() - times_s) / hour_s

            aggregates.decay((now - before).total_seconds() / hour_s)
            ages_h = hours_ago(paid.times_s)
            aggregates.pay(paid.card, paid.merchant, paid.amount_eur, paid.is_declined, ages_h)
            aggregates.report(reported.merchant, hours_ago(reported.times_s))
            await tables.write_columns(connection, self._population, aggregates, now, comment)
            merchants = np.concatenate([paid.merchant, reported.merchant])
            news = {CARD_TABLE: set(paid.card.tolist()), MERCHANT_TABLE: set(merchants.tolist())}
            touched = {table: self._touched[table] | numbers for table, numbers in news.items()}
            rows = {table: await tables.read_rows(connection, table, of, comment) for table, of in touched.items()}
        self._touched, work.rows = touched, rows

    async def _refresh(self, table: str, span: TraceContext, work: Pass) -> None:
        """Writes the entries that are there anew; those of whom nothing is new are left to expire."""
        rows = work.rows[table]
        await refresh_entries(self._cache, [key(KINDS[table], number) for number, _ in rows], [row for _, row in rows])
