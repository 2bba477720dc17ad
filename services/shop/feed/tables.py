"""The feed's statements: new events out, feature columns in, its own state beside them; one transaction a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.rows import dict_row

from lab.worlds.shop.behaviour import InterestAggregate
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import CATEGORIES
from services.common.calls import CallFailedError

Array = npt.NDArray[Any]
Connection = psycopg.AsyncConnection[Any]
_STATE = "feed_state (user_id, counts, price_sum, price_weight, views_recent_count, recent_price_eur, interest_ratios)"


class Events(NamedTuple):
    """Events in the order they were written: who, what kind, which category, at which log price, when (Unix s)."""

    users: Array
    is_click: Array
    categories: Array
    log_prices: Array
    times_s: Array


async def take_events(connection: Connection, comment: str) -> Events:
    """Marks the new events as aggregated and returns them."""
    cursor = await connection.execute(
        "WITH taken AS (UPDATE events SET is_aggregated = true WHERE NOT is_aggregated "
        "RETURNING event_id, user_id, kind = 'click' AS is_click, category, log_price_eur, occurred_at) "
        "SELECT user_id, is_click, category, log_price_eur, extract(epoch FROM occurred_at) "
        f"FROM taken ORDER BY event_id {comment}"
    )
    rows = await cursor.fetchall()
    users, clicks, categories, prices, times_s = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Events(
        np.array(users, int),
        np.array(clicks, bool),
        np.array(categories, int),
        np.array(prices, float),
        np.array(times_s, float),
    )


async def read_state(connection: Connection, catalog: Catalog, comment: str) -> tuple[InterestAggregate, datetime]:
    """The aggregate as the last run left it, and when that was. CallFailedError before the database is seeded."""
    cursor = await connection.execute(f"SELECT aggregated_at FROM feed_watermark {comment}")
    watermark = await cursor.fetchone()
    cursor = await connection.execute(
        f"SELECT counts, price_sum, price_weight FROM feed_state ORDER BY user_id {comment}"
    )
    rows = await cursor.fetchall()
    if watermark is None or len(rows) != catalog.users_count:
        raise CallFailedError("unavailable")
    aggregate = InterestAggregate(catalog)
    aggregate.counts = np.array([row[0] for row in rows])
    aggregate.price_sum = np.array([row[1] for row in rows])
    aggregate.price_weight = np.array([row[2] for row in rows])
    return aggregate, watermark[0]


async def write_columns(connection: Connection, aggregate: InterestAggregate, now: datetime, comment: str) -> None:
    """Stores the aggregate and the feature columns of every user, with the time they are of."""
    columns = aggregate.columns()
    shares = np.stack([columns[f"interest_{name}_ratio"] for name in CATEGORIES], axis=1).tolist()
    rows = zip(
        range(len(shares)), aggregate.counts.tolist(), aggregate.price_sum.tolist(), aggregate.price_weight.tolist(),
        columns["views_recent_count"].tolist(), columns["recent_price_eur"].tolist(), shares, strict=True,
    )  # fmt: skip
    await connection.execute(f"TRUNCATE feed_state {comment}")
    # By COPY: the values of thousands of rows do not belong into the statement log.
    async with connection.cursor().copy(f"COPY {_STATE} FROM STDIN {comment}") as copy:
        for row in rows:
            await copy.write_row(row)
    shares_sql = ", ".join(f"interest_{name}_ratio = s.interest_ratios[{i}]" for i, name in enumerate(CATEGORIES, 1))
    await connection.execute(
        "UPDATE users_base AS u SET updated_at = %s, views_recent_count = s.views_recent_count, "
        f"recent_price_eur = s.recent_price_eur, {shares_sql} "
        f"FROM feed_state AS s WHERE s.user_id = u.user_id {comment}",
        (now,),
    )
    await connection.execute(f"UPDATE feed_watermark SET aggregated_at = %s {comment}", (now,))


async def read_rows(connection: Connection, users: Sequence[int], comment: str) -> list[dict[str, Any]]:
    """Rows as the feature code would read them."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT * FROM users WHERE user_id = ANY(%s) {comment}", (list(users),))
        return await cursor.fetchall()
