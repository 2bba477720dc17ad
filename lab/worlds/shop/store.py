"""The simulated feature table and feature cache: rows as written, rows as their reader sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.features import INDEX, NAMES, USER_FEATURES, ContractViolationError, parse_value

if TYPE_CHECKING:
    from lab.injection.levers import CacheFreeze, CacheMixKeys, TableColumn

Array = npt.NDArray[Any]


class FeatureTable:
    """User rows in the database. `rows` is what was written; `seen` is what the feature code reads out of it.

    rows, seen: (users, features), NaN for SQL NULL. broken: (users,), index into `violations`, 0 for a good row.
    """

    def __init__(self, rows: Array, streams: Streams) -> None:
        self.rows = rows
        self.seen = rows.copy()
        self.broken = np.zeros(len(rows), np.int16)
        self.violations: list[tuple[str, str]] = [("", "")]
        self.watermark_ns = 0
        self.changes: dict[str, TableColumn] = {}
        self._streams = streams

    def change(self, column: str, value: TableColumn | None) -> None:
        """Alters a column for its readers, or puts it back (None); what is written meanwhile is kept."""
        if value is None:
            self.changes.pop(column, None)
        else:
            self.changes[column] = value
        self.refresh()

    def refresh(self) -> None:
        """Recomputes what readers see: altered values go through the very code the service reads them with."""
        self.seen = self.rows.copy()
        self.broken[:] = 0
        self.violations = [("", "")]
        known: dict[str, int] = {}
        for column, change in self.changes.items():
            if change.change == "add":
                continue
            position = INDEX[column]
            share = self._streams.generator("altered-rows", column).random(len(self.rows))
            integer = USER_FEATURES[position].type == "integer"
            for user in np.flatnonzero(share < change.share).tolist():
                row = altered_row(column, float(self.rows[user, position]), integer, change)
                try:
                    self.seen[user, position] = parse_value(row, column)
                except ContractViolationError as error:
                    message = str(error)
                    if message not in known:
                        known[message] = len(self.violations)
                        self.violations.append((error.column, message))
                    self.broken[user] = known[message]
                    self.seen[user, position] = np.nan  # nothing was read out of it


def altered_row(column: str, value: float, integer: bool, change: TableColumn) -> dict[str, Any]:
    """The raw row a changed column yields, as the database driver would hand it over."""
    typed: Any = round(value) if integer else value
    if change.change == "rename":
        return {str(change.to): typed}
    if change.change == "null":
        return {column: None}
    if change.change == "rescale":
        return {column: typed * change.factor}
    if change.to == "text":
        return {column: str(typed).replace(".", ",")}
    return {column: int(value)}


class FeatureCache:
    """Cached rows by user, as they were read when the entry was written.

    row_ns: the row's own time (-1 where there is no entry); entry_ns: when the entry was written; ends_ns: when its
    time to live ends. `ttl_ns` is the time to live of entries that are written from now on.
    """

    def __init__(self, users_count: int, ttl_ns: int, streams: Streams) -> None:
        self.rows = np.zeros((users_count, len(NAMES)))
        self.broken: list[tuple[str, str] | None] = [None] * users_count
        self.row_ns = [-1] * users_count
        self.entry_ns = [-1] * users_count
        self.ends_ns = [0] * users_count
        self.ttl_ns = ttl_ns
        self._share = streams.generator("cache-keys").random(users_count)
        self._other = streams.generator("cache-mix").permutation(users_count).tolist()
        self.frozen: CacheFreeze | None = None
        self.mixed: CacheMixKeys | None = None
        self._is_frozen = np.zeros(users_count, bool).tolist()
        self._key_of: list[int] = list(range(users_count))
        self.hits_count = 0
        self.misses_count = 0
        self.expired_count = 0
        self._expired_until_ns = 0

    def freeze(self, value: CacheFreeze | None, now_ns: int) -> None:
        """Stops refresh and expiry for a share of the keys; None lets both work again.

        Expired entries do not come back. An entry that was frozen beyond its time to live expires when the freeze ends.
        """
        held = set(self.live(now_ns))
        frozen = (self._share < (value.fraction if value else 0.0)).tolist()
        for user, (was, is_now) in enumerate(zip(self._is_frozen, frozen, strict=True)):
            if was != is_now and (was or user not in held):
                self.entry_ns[user] = -1
        self.frozen = value
        self._is_frozen = frozen

    def mix(self, value: CacheMixKeys | None) -> None:
        """Makes a share of the keys answer with another user's entry; None puts them right."""
        self.mixed = value
        share = value.fraction if value else 0.0
        chosen = (self._share < share).tolist()
        self._key_of = [self._other[u] if chosen[u] else u for u in range(len(chosen))]

    def key(self, user: int, now_ns: int) -> int:
        """The entry that answers for a user, -1 for a miss."""
        key = self._key_of[user]
        written = self.entry_ns[key]
        if written < 0 or (now_ns > self.ends_ns[key] and not self._is_frozen[key]):
            self.misses_count += 1
            return -1
        self.hits_count += 1
        return key

    def put(self, user: int, row: Array, broken: tuple[str, str] | None, row_ns: int, now_ns: int) -> None:
        """Writes an entry; a frozen key that has one keeps it."""
        written = self.entry_ns[user]
        if self._is_frozen[user] and written >= 0:
            return
        if written >= 0 and self._expired_until_ns < self.ends_ns[user] <= now_ns:
            self.expired_count += 1  # overwritten before the next sample came to count it
        self.rows[user] = row
        self.broken[user] = broken
        self.row_ns[user] = row_ns
        self.entry_ns[user] = now_ns
        self.ends_ns[user] = now_ns + self.ttl_ns

    def flush(self) -> None:
        """Drops every entry."""
        self.entry_ns = [-1] * len(self.entry_ns)

    def count_expired(self, now_ns: int) -> int:
        """Entries whose time to live has ended so far, each counted once; frozen ones have no end."""
        ends = np.array(self.ends_ns)
        counted = (ends > self._expired_until_ns) & (ends <= now_ns) & (np.array(self.entry_ns) >= 0)
        self.expired_count += int((counted & ~np.array(self._is_frozen)).sum())
        self._expired_until_ns = now_ns
        return self.expired_count

    def live(self, now_ns: int) -> list[int]:
        """Users with an entry that has not expired."""
        ends, frozen = self.ends_ns, self._is_frozen
        return [u for u, t in enumerate(self.entry_ns) if t >= 0 and (now_ns <= ends[u] or frozen[u])]
