"""How jobs use the stores: a connection of its own for each run, entries that are there written anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import psycopg
import redis.asyncio as redis

from services.common.calls import CallFailedError, abandon, database_status, redis_status
from services.common.entries import encode_entry, from_database

Connection = psycopg.AsyncConnection[Any]


async def on_own_connection(conninfo: str, work: Callable[[Connection], Awaitable[None]]) -> None:
    """Does work of a run on a connection of its own: a dead one is never met again. CallFailedError where it fails."""
    try:
        connection = await Connection.connect(conninfo, cursor_factory=psycopg.AsyncClientCursor)
    except psycopg.Error as error:
        raise CallFailedError(database_status(error)) from error
    task = asyncio.ensure_future(work(connection))
    try:
        await asyncio.shield(task)
    except psycopg.Error as error:
        raise CallFailedError(database_status(error)) from error
    finally:
        abandon(connection, task)


async def refresh_entries(cache: redis.Redis, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes those entries anew that are there; the others are left out. CallFailedError where it fails."""
    if not keys:
        return
    now_s = time.time()
    values = [encode_entry(from_database(row), now_s) for row in rows]
    try:
        await cache.fcall("refresh_entries", len(keys), *keys, *values)
    except (redis.RedisError, OSError) as error:
        raise CallFailedError(redis_status(error)) from error


async def empty(cache: redis.Redis) -> None:
    """Drops all entries."""
    # The cache may have been started anew since the last run: connections to the one before lead nowhere.
    await cache.connection_pool.disconnect(inuse_connections=False)
    await cache.flushdb()
