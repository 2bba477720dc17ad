"""The aggregator's statements: payments and reports out, feature columns in, its own state beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from psycopg.rows import dict_row

from lab.worlds.decisions.aggregates import Aggregates, master_data
from lab.worlds.decisions.features import FEATURES
from lab.worlds.decisions.population import Population
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from services.common.calls import CallFailedError
from services.common.job_stores import Connection
from services.decisions.tables import KINDS, key_column, relation

Array = npt.NDArray[Any]
OWNED: Mapping[str, tuple[int, ...]] = {
    table: tuple(i for i, spec in enumerate(specs) if spec.is_computed) for table, specs in FEATURES.items()
}
"""By table, the places of the columns that follow from payments."""


class Paid(NamedTuple):
    """Payments by column (n,): of which card, at which merchant, how much, whether declined, when decided (Unix s)."""

    card: Array
    merchant: Array
    amount_eur: Array
    is_declined: Array
    times_s: Array


class Reported(NamedTuple):
    """Fraud that cardholders reported, by column (n,): at which merchant, when (Unix s)."""

    merchant: Array
    times_s: Array


async def take_payments(connection: Connection, comment: str) -> Paid:
    """Marks the new payments as aggregated and returns them."""
    cursor = await connection.execute(
        "UPDATE payments SET is_aggregated = true WHERE NOT is_aggregated RETURNING "
        f"card_id, merchant_id, amount_eur, decision = 'decline', extract(epoch FROM decided_at) {comment}"
    )
    columns = _columns(await cursor.fetchall(), 5)
    return Paid(
        *map(_numbers, columns[:2]), *(np.array(c, t) for c, t in zip(columns[2:], (float, bool, float), strict=True))
    )


async def take_reports(connection: Connection, comment: str) -> Reported:
    """Marks the reports that have come by now as aggregated and returns them."""
    cursor = await connection.execute(
        "UPDATE chargebacks SET is_aggregated = true WHERE NOT is_aggregated AND reported_at <= now() RETURNING "
        f"merchant_id, extract(epoch FROM reported_at) {comment}"
    )
    merchants, times_s = _columns(await cursor.fetchall(), 2)
    return Reported(_numbers(merchants), np.array(times_s, float))


async def read_state(connection: Connection, population: Population, comment: str) -> tuple[Aggregates, datetime]:
    """The aggregates as the last run left them, and when that was. CallFailedError before the database is seeded."""
    cursor = await connection.execute(f"SELECT aggregated_at FROM aggregates_watermark {comment}")
    watermark = await cursor.fetchone()
    cursor = await connection.execute(f"SELECT kind, sums FROM aggregates_state ORDER BY kind, entity_id {comment}")
    sums: dict[str, list[Any]] = {kind: [] for kind in KINDS.values()}
    for kind, values in await cursor.fetchall():
        sums[kind].append(values)
    aggregates = Aggregates(population)
    cards, merchants = (np.array(sums[KINDS[table]], float) for table in (CARD_TABLE, MERCHANT_TABLE))
    if watermark is None or cards.shape != aggregates.cards.shape or merchants.shape != aggregates.merchants.shape:
        raise CallFailedError("unavailable")
    aggregates.cards, aggregates.merchants = cards, merchants
    return aggregates, watermark[0]


async def write_columns(
    connection: Connection, population: Population, aggregates: Aggregates, now: datetime, comment: str
) -> None:
    """Stores the aggregates and the feature columns of every card and merchant, with the time they are of."""
    rows = dict(zip((CARD_TABLE, MERCHANT_TABLE), master_data(population), strict=True))
    aggregates.write(rows[CARD_TABLE], rows[MERCHANT_TABLE])
    sums = {CARD_TABLE: aggregates.cards, MERCHANT_TABLE: aggregates.merchants}
    await connection.execute(f"TRUNCATE aggregates_state {comment}")
    # By COPY: the values of thousands of rows do not belong into the statement log.
    copying = f"COPY aggregates_state (kind, entity_id, sums, features) FROM STDIN {comment}"
    async with connection.cursor().copy(copying) as copy:
        for table, kind in KINDS.items():
            values = zip(sums[table].tolist(), rows[table][:, OWNED[table]].tolist(), strict=True)
            for number, (of, features) in enumerate(values):
                await copy.write_row((kind, number, of, features))
    for table, kind in KINDS.items():
        sets = ", ".join(f"{FEATURES[table][i].name} = s.features[{n}]" for n, i in enumerate(OWNED[table], 1))
        await connection.execute(
            f"UPDATE {relation(table)} AS t SET updated_at = %s, {sets} FROM aggregates_state AS s "
            f"WHERE s.kind = '{kind}' AND s.entity_id = t.{key_column(table)} {comment}",
            (now,),
        )
    await connection.execute(f"UPDATE aggregates_watermark SET aggregated_at = %s {comment}", (now,))


async def read_rows(
    connection: Connection, table: str, numbers: Collection[int], comment: str
) -> list[tuple[int, dict[str, Any]]]:
    """Rows as the feature code would read them, with the number each was asked for."""
    wanted = sorted(numbers)
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT * FROM {table} WHERE {key_column(table)} = ANY(%s) {comment}", (wanted,))
        return [(row[key_column(table)], row) for row in await cursor.fetchall()]


def _columns(rows: list[Any], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _numbers(values: tuple[Any, ...]) -> Array:
    return np.array(values, np.int64)
