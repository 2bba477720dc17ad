"""What the feature service reads: the user's row from the cache, else the database, and the catalogue of items."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.agreed.cache import key
from lab.worlds.shop.registration import USER
from services.common.calls import CallFailedError
from services.common.entries import from_database
from services.common.stores import CacheEntries, Records
from services.common.trace import TraceContext, sql_comment
from services.shop.features.visit import Visit


class CacheLookup:
    """Entries of users; `name` is the cache's in the topology."""

    def __init__(self, entries: CacheEntries, name: str) -> None:
        self._entries = entries
        self._name = name

    async def read_entry(self, visit: Visit, span: TraceContext) -> None:
        """The user's entry, if there is one."""
        visit.entry, visit.source = await self._entries.get(key(USER, visit.user_id)), self._name

    async def write_entry(self, visit: Visit, span: TraceContext) -> None:
        """Keeps the row the database has given."""
        assert visit.entry is not None
        await self._entries.put(key(USER, visit.user_id), visit.entry)


class RowLookup:
    """Rows of the view `users`; `name` is the database's in the topology."""

    def __init__(self, records: Records, name: str) -> None:
        self._records = records
        self._name = name

    async def read_row(self, visit: Visit, span: TraceContext) -> None:
        """The user's row; a user without one is an error."""
        comment = sql_comment(span, "features", "read_row")
        found = await self._records.query(f"SELECT * FROM users WHERE user_id = %s {comment}", (visit.user_id,))
        if not found:
            raise CallFailedError("error")
        visit.entry, visit.source = from_database(found[0]), self._name

    async def read_items(self) -> dict[str, npt.NDArray[Any]]:
        """The catalogue by column, one array each in the order of item ids; CallFailedError where there is none."""
        found = await self._records.query("SELECT * FROM items ORDER BY item_id")
        if not found:
            raise CallFailedError("unavailable")
        return {name: np.array([record[name] for record in found]) for name in found[0]}
