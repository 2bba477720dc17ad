"""Where feature rows come from: the cache, else the database. Connections that timed out are never used again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import redis.asyncio as redis
from psycopg.rows import dict_row

from lab.agreed.cache import key
from lab.worlds.shop.registration import USER
from services.common.calls import CallFailedError, MissError, abandon, database_status, redis_status
from services.common.entries import decode_entry, encode_entry, from_database
from services.common.trace import TraceContext, sql_comment
from services.shop.features.connections import Connections
from services.shop.features.visit import Visit

Connection = psycopg.AsyncConnection[Any]
CONNECTIONS_MAX = 24


class CacheLookup:
    """Entries in Redis, by the functions of its entries library."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client = client
        self._name = name

    async def read_entry(self, visit: Visit, span: TraceContext) -> None:
        """The user's entry, if there is one."""
        try:
            text = await self._client.fcall_ro("get_entry", 1, key(USER, visit.user_id))
        except (redis.RedisError, OSError) as error:
            raise CallFailedError(redis_status(error)) from error
        if text is None:
            raise MissError
        visit.entry, visit.source = decode_entry(text), self._name

    async def write_entry(self, visit: Visit, span: TraceContext) -> None:
        """Keeps the row the database has given."""
        assert visit.entry is not None
        try:
            await self._client.fcall("put_entry", 1, key(USER, visit.user_id), encode_entry(visit.entry, time.time()))
        except (redis.RedisError, OSError) as error:
            raise CallFailedError(redis_status(error)) from error


class RowLookup:
    """Rows of the view `users`. Statements go out whole (simple protocol): one line each in the statement log."""

    def __init__(self, conninfo: str, name: str) -> None:
        self._conninfo = conninfo
        self._name = name
        self._connections: Connections[Connection] = Connections(self._connect)
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)

    async def read_row(self, visit: Visit, span: TraceContext) -> None:
        """The user's row; a user without one is an error."""
        comment = sql_comment(span, "features", "read_row")
        async with self._free:
            records = await self._query(f"SELECT * FROM users WHERE user_id = %s {comment}", (visit.user_id,))
        if not records:
            raise CallFailedError("error")
        visit.entry, visit.source = from_database(records[0]), self._name

    async def read_items(self) -> dict[str, npt.NDArray[Any]]:
        """The catalogue by column, one array each in the order of item ids; CallFailedError where there is none."""
        records = await self._query("SELECT * FROM items ORDER BY item_id", None)
        if not records:
            raise CallFailedError("unavailable")
        return {name: np.array([record[name] for record in records]) for name in records[0]}

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
