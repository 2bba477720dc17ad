"""Where rows come from: entries of the cache, records of the database. No connection that timed out is used again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import redis.asyncio as redis
from psycopg.rows import dict_row
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.common.calls import CallFailedError, MissError, abandon, database_status, redis_status
from services.common.connections import Connections
from services.common.entries import Entry, decode_entry, encode_entry

Connection = psycopg.AsyncConnection[Any]
CONNECTIONS_MAX = 24
CACHE_CONNECTIONS_MAX = 256


class CacheEntries:
    """Entries in Redis, by the functions of its entries library."""

    def __init__(self, url: str) -> None:
        # One attempt is one attempt: the plan retries, and its deadlines are not the client's.
        self._client = redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=CACHE_CONNECTIONS_MAX)

    async def get(self, key: str) -> Entry:
        """The entry of a key; MissError where there is none."""
        try:
            text = await self._client.fcall_ro("get_entry", 1, key)
        except (redis.RedisError, OSError) as error:
            raise CallFailedError(redis_status(error)) from error
        if text is None:
            raise MissError
        return decode_entry(text)

    async def put(self, key: str, entry: Entry) -> None:
        """Keeps an entry, as written now."""
        try:
            await self._client.fcall("put_entry", 1, key, encode_entry(entry, time.time()))
        except (redis.RedisError, OSError) as error:
            raise CallFailedError(redis_status(error)) from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


class Records:
    """Records of a database. Statements go out whole (simple protocol): one line each in the statement log."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connections: Connections[Connection] = Connections(self._connect)
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)

    async def query(self, statement: str, values: tuple[Any, ...] | None = None) -> list[dict[str, Any]]:
        """What a statement selects; CallFailedError where it fails."""
        async with self._free:
            return await self._query(statement, values)

    async def _query(self, statement: str, values: tuple[Any, ...] | None) -> list[dict[str, Any]]:
        try:
            connection = await self._connections.take()
            # Not prepared: a commented statement is a new one each time, and a plan would not outlive a changed column.
            task = asyncio.ensure_future(self._fetch(connection, statement, values))
            try:
                records = await asyncio.shield(task)
            except BaseException:
                abandon(connection, task)
                raise
        except psycopg.Error as error:
            raise CallFailedError(database_status(error)) from error
        except TimeoutError:  # no connection in time
            raise CallFailedError("timeout") from None
        self._connections.give(connection)
        return records

    async def _connect(self) -> Connection:
        return await Connection.connect(
            self._conninfo, autocommit=True, prepare_threshold=None, cursor_factory=psycopg.AsyncClientCursor
        )

    @staticmethod
    async def _fetch(connection: Connection, statement: str, values: tuple[Any, ...] | None) -> list[dict[str, Any]]:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, values)
            return await cursor.fetchall()

    async def close(self) -> None:
        """Closes idle connections."""
        for connection in self._connections.idle():
            await connection.close()
