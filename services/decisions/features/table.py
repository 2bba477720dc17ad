"""Where the rows of a feature table are read: keys of the cache, statements of the database."""

from __future__ import annotations

from collections.abc import Mapping

from lab.agreed.cache import key
from lab.systems.topology import Step
from services.common.calls import CallFailedError
from services.common.entries import from_database
from services.common.stores import CacheEntries, Records
from services.common.trace import TraceContext, sql_comment
from services.decisions.features.lookup import Lookup
from services.decisions.tables import KINDS, key_column


class FeatureTable:
    """One table: its rows are read from `cache`, else from `database`, which are components of the topology."""

    def __init__(
        self, name: str, service: str, entries: CacheEntries, records: Records, steps: Mapping[str, Step]
    ) -> None:
        self._name = name
        self._service = service
        self._entries = entries
        self._records = records
        kind = KINDS[name]
        self._read, self._read_row = f"read_{kind}", f"read_{kind}_row"
        self._cache, self._database = (str(steps[operation].call) for operation in (self._read, self._read_row))
        self.operations = {
            self._read: self._read_entry,
            self._read_row: self._read_record,
            f"write_{kind}": self._write_entry,
        }

    async def _read_entry(self, lookup: Lookup, span: TraceContext) -> None:
        row = lookup.rows[self._name]
        row.entry, row.source = await self._entries.get(key(KINDS[self._name], row.number)), self._cache

    async def _read_record(self, lookup: Lookup, span: TraceContext) -> None:
        row = lookup.rows[self._name]
        comment = sql_comment(span, self._service, self._read_row)
        statement = f"SELECT * FROM {self._name} WHERE {key_column(self._name)} = %s {comment}"
        found = await self._records.query(statement, (row.number,))
        if not found:
            raise CallFailedError("error")
        row.entry, row.source = from_database(found[0]), self._database

    async def _write_entry(self, lookup: Lookup, span: TraceContext) -> None:
        row = lookup.rows[self._name]
        assert row.entry is not None
        await self._entries.put(key(KINDS[self._name], row.number), row.entry)
