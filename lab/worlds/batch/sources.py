"""What the sources hold: customers as they are, and by day what was ordered and visited, as soon as it has landed.

Rows of a day land within the hour after its end. What is read is what has landed by then. A changed column is changed
for whoever reads it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.draws import stream_key, uniforms
from lab.streams import Streams
from lab.worlds.batch.behaviour import Day, live
from lab.worlds.batch.dates import Dates
from lab.worlds.batch.features import whole
from lab.worlds.batch.population import Population, numbers_of
from lab.worlds.batch.tables import chosen, rows_count, share_of
from lab.worlds.batch.vocabulary import (
    COUNTRY,
    CUSTOMER_COLUMNS,
    CUSTOMERS,
    KEY,
    NO_KEY,
    ORDER_COLUMNS,
    ORDERS,
    TEXT_KEYS,
    VISIT_COLUMNS,
    VISITS,
    WINDOW_DAYS,
)

if TYPE_CHECKING:
    from lab.injection.levers import PartitionDelay, TableColumn

Array = npt.NDArray[Any]

FIRST_S, SPREAD_S = 1200.0, 1800.0
"""Rows of a day land so long after its end, and spread over this long."""
KEPT_DAYS = WINDOW_DAYS + 2
"""So many days back whoever reads may ask for."""


class UnreadableError(Exception):
    """A table lacks a column that its reader names."""

    def __init__(self, column: str) -> None:
        self.column = column
        super().__init__(f"KeyError: {column!r}")


class Sources:
    """Three databases. `days` by day, of the last few; `changes` by table and column; `late` by table."""

    def __init__(self, population: Population, dates: Dates, streams: Streams, days: dict[int, Day]) -> None:
        self.population = population
        self._dates, self._streams = dates, streams
        self._days = days
        self._lived_day = max(days)
        self.lively = 1.0
        self.changes: dict[str, dict[str, TableColumn]] = {}
        self.late: dict[str, PartitionDelay] = {}

    def live_until(self, now_ns: int) -> None:
        """Lets all days pass that ended by now."""
        while self._lived_day < self._dates.day(now_ns) - 1:
            self._lived_day += 1
            day = self._lived_day
            self.population.advance(day, self._streams)
            self._days[day] = live(self.population, day, self._dates.weekday(day), self.lively, self._streams)
            self._days.pop(day - KEPT_DAYS, None)

    def has(self, day: int) -> bool:
        """Whether a day is still kept."""
        return day in self._days

    def customers(self) -> dict[str, Array]:
        """All customers as of now."""
        people, day = self.population, self._lived_day
        numbers = np.arange(people.count)
        since = day + 1 - people.since_day[: people.count].astype(np.int64)
        columns = (numbers, people.country[: people.count].astype(np.int64), since)
        return self._read(CUSTOMERS, dict(zip(CUSTOMER_COLUMNS, columns, strict=True)))

    def orders(self, day: int, now_ns: int) -> dict[str, Array]:
        """What was ordered on a day and has landed."""
        of = self._days.get(day, NOTHING)
        buying = np.flatnonzero(of.orders)
        rows = (buying, whole(of.orders[buying]), of.amount[buying], whole(of.discounted[buying]))
        return self._read(ORDERS, self._landed(ORDERS, dict(zip(ORDER_COLUMNS, rows, strict=True)), day, now_ns))

    def visits(self, day: int, now_ns: int) -> dict[str, Array]:
        """Who visited on a day, as far as it has landed."""
        of = self._days.get(day, NOTHING)
        here = np.flatnonzero(of.visits)
        rows = dict(zip(VISIT_COLUMNS, (here, whole(of.visits[here])), strict=True))
        return self._read(VISITS, self._landed(VISITS, rows, day, now_ns))

    def _landed(self, table: str, rows: dict[str, Array], day: int, now_ns: int) -> dict[str, Array]:
        customers, late = rows[KEY], self.late.get(table)
        passed_s = (now_ns - self._dates.begins_ns(day + 1)) / NS
        if late is None and passed_s >= FIRST_S + SPREAD_S:
            return rows
        drawn = uniforms(stream_key(self._streams, "landing", table), numbers_of(customers, day), 0, 1)[:, 0]
        after_s = FIRST_S + SPREAD_S * drawn
        if late is not None:
            after_s += late.seconds * share_of(self._streams, f"late/{table}/{day}", customers, late.fraction)
        return chosen(rows, after_s <= passed_s)

    def _read(self, table: str, rows: dict[str, Array]) -> dict[str, Array]:
        """Rows as their readers get them; UnreadableError where a column is not there."""
        keys = rows[KEY]
        for column, change in self.changes.get(table, {}).items():
            if change.change == "add":
                rows[column] = np.zeros(rows_count(rows))
                continue
            if change.change == "rename":
                raise UnreadableError(column)
            concerned = share_of(self._streams, f"altered/{table}.{column}", keys, change.share)
            if column == KEY and change.to == "text":
                rows[KEY] = np.where(concerned, TEXT_KEYS - keys, keys)
                continue
            rows[column] = altered(rows[column], change, concerned, is_text=column == COUNTRY, is_key=column == KEY)
        return rows

    def copy(self) -> Sources:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied.population = self.population.copy()
        copied._days, copied.late = dict(self._days), dict(self.late)
        copied.changes = {table: dict(columns) for table, columns in self.changes.items()}
        return copied


NOTHING = Day(*(np.zeros(0),) * 4)


def altered(values: Array, change: TableColumn, concerned: Array, *, is_text: bool, is_key: bool) -> Array:
    """A column as it is read where a change concerns some of its rows; keys and texts that cannot be are NO_KEY."""
    if is_text and change.change in ("rescale", "retype") and change.to != "integer":
        return values
    if change.change == "rescale":
        other = values * (change.factor or 1.0)
    elif change.change == "retype" and change.to == "integer":
        other = np.trunc(values)
    else:
        other = np.full(len(values), np.nan)
    if not (is_key or is_text):
        changed = np.where(concerned, other, values)
        return whole(changed) if values.dtype.kind == "i" and not np.isnan(changed).any() else changed
    known = np.nan_to_num(other, nan=NO_KEY)
    return np.asarray(np.where(concerned, np.where(known == np.floor(known), known, NO_KEY), values).astype(np.int64))
