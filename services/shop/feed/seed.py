"""Fills the database with a shop, as its shoppers' past has left it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lab.worlds.shop.behaviour import InterestAggregate
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import NAMES, USER_FEATURES
from services.shop.feed.tables import Connection, write_columns


async def is_seeded(connection: Connection) -> bool:
    """Whether there is a shop already."""
    cursor = await connection.execute("SELECT EXISTS (SELECT FROM feed_watermark)")
    row = await cursor.fetchone()
    return bool(row and row[0])


async def seed(connection: Connection, catalog: Catalog, aggregate: InterestAggregate) -> None:
    """Users and items anew, the feed's state, no events. What readers see of it depends on the view, as always."""
    now = datetime.now(UTC)
    items = {name: values.tolist() for name, values in catalog.items.items()}
    item_rows = zip(range(len(catalog.popularity)), *items.values(), catalog.popularity.tolist(), strict=True)
    async with connection.transaction():
        # Locked in the order in which a run of the job locks them: one that is under way is waited for, not met.
        await connection.execute("TRUNCATE events, feed_watermark, feed_state, users_base, items")
        await connection.execute("INSERT INTO feed_watermark VALUES (%s)", (now,))
        await _copy(connection, f"users_base (user_id, {', '.join(NAMES)})", _user_rows(catalog, aggregate))
        await _copy(connection, f"items (item_id, {', '.join(items)}, popularity_ratio)", item_rows)
        await write_columns(connection, aggregate, now, "")
    await connection.execute("SELECT refresh_statistics()")


def _user_rows(catalog: Catalog, aggregate: InterestAggregate) -> Iterable[list[Any]]:
    vectors = catalog.profile.copy()
    aggregate.write(vectors)
    integer = [spec.type == "integer" for spec in USER_FEATURES]
    for user, vector in enumerate(vectors.tolist()):
        yield [user, *(round(value) if whole else value for whole, value in zip(integer, vector, strict=True))]


async def _copy(connection: Connection, target: str, rows: Iterable[Iterable[Any]]) -> None:
    async with connection.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            await copy.write_row(list(row))
