"""Fills the database with cards and merchants, as the payments before a run have left them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lab.worlds.decisions.features import FEATURES
from lab.worlds.decisions.feed import Feed
from lab.worlds.decisions.population import Population
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from services.common.job_stores import Connection
from services.decisions.aggregator.tables import write_columns
from services.decisions.tables import key_column, relation


async def is_seeded(connection: Connection) -> bool:
    """Whether there is a bank already."""
    cursor = await connection.execute("SELECT EXISTS (SELECT FROM aggregates_watermark)")
    row = await cursor.fetchone()
    return bool(row and row[0])


async def seed(connection: Connection, population: Population, past: Feed, hour_real_s: float) -> None:
    """Cards and merchants anew, the aggregator's state, no payments; fraud of the past that is reported later.

    `hour_real_s`: real seconds of an hour of the payers' lives.
    """
    now = datetime.now(UTC)
    rows = {CARD_TABLE: past.cards, MERCHANT_TABLE: past.merchants}
    async with connection.transaction():
        # Locked in the order in which a run of the job locks them: one that is under way is waited for, not met.
        await connection.execute(
            "TRUNCATE payments, chargebacks, aggregates_watermark, aggregates_state, cards_base, merchants_base"
        )
        await connection.execute("INSERT INTO aggregates_watermark VALUES (%s)", (now,))
        for table, specs in FEATURES.items():
            names = ", ".join((key_column(table), *(spec.name for spec in specs)))
            integer = [spec.type == "integer" for spec in specs]
            await _copy(connection, f"{relation(table)} ({names})", _typed(rows[table].tolist(), integer))
        reports = (
            (f"past/{n}", merchant, datetime.fromtimestamp(now.timestamp() + in_h * hour_real_s, UTC))
            for n, (in_h, merchant) in enumerate(past.reports_to_come())
        )
        await _copy(connection, "chargebacks (payment_id, merchant_id, reported_at)", reports)
        await write_columns(connection, population, past.aggregates, now, "")
    await connection.execute("SELECT refresh_statistics()")


def _typed(rows: Iterable[list[float]], integer: list[bool]) -> Iterable[list[Any]]:
    """Rows by number, with whole numbers where the contract has them."""
    for number, row in enumerate(rows):
        yield [number, *(round(value) if whole else value for whole, value in zip(integer, row, strict=True))]


async def _copy(connection: Connection, target: str, rows: Iterable[Iterable[Any]]) -> None:
    async with connection.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            await copy.write_row(list(row))
