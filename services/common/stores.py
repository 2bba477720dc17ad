"""Where rows come from: entries of the cache, records of the database. No connection that timed out is used again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
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
ANSWERS_WITHIN_S = 1.0
"""What takes longer goes nowhere, and its connection is given up."""


class CacheEntries:
    """Entries in Redis, by the functions of its entries library.

    A call that its request gives up goes on by itself and leaves its connection whole. Were it broken off, the next
    call would have to make a connection first: over a slow way none would ever be ready in time.
    """

    def __init__(self, url: str) -> None:
        # One attempt is one attempt: the plan retries, and its deadlines are not the client's.
        self._client = redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=CACHE_CONNECTIONS_MAX)
        self._under_way: set[asyncio.Task[Any]] = set()

    async def get(self, key: str) -> Entry:
        """The entry of a key; MissError where there is none."""
        text = await self._answer(self._client.fcall_ro("get_entry", 1, key))
        if text is None:
            raise MissError
        return decode_entry(text)

    async def put(self, key: str, entry: Entry) -> None:
        """Keeps an entry, as written now."""
        await self._answer(self._client.fcall("put_entry", 1, key, encode_entry(entry, time.time())))

    async def _answer(self, call: Awaitable[Any]) -> Any:
        task = asyncio.create_task(_within(call, ANSWERS_WITHIN_S))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except (redis.RedisError, OSError) as error:
            raise CallFailedError(redis_status(error)) from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it has it; where nobody does, nobody is told

    async def close(self) -> None:
        """Closes the connections."""
        for task in self._under_way:
            task.cancel()
        await self._client.aclose()


async def _within(call: Awaitable[Any], seconds: float) -> Any:
    async with asyncio.timeout(seconds):
        return await call


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
