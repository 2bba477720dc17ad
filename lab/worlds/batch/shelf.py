"""Datasets as they were written last: what a write leaves there, and what is told of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.content.protocol import WorldContext
from lab.recording.arrow import Coded
from lab.worlds.batch.dates import Dates
from lab.worlds.batch.settings import APPEND, Settings
from lab.worlds.batch.tables import Table, partly_kept, rows_count, share_of, stacked
from lab.worlds.batch.vocabulary import COUNTRIES, COUNTRY, KEY, NO_KEY, SEGMENT, SEGMENTS, TEXT_KEYS

Array = npt.NDArray[Any]


class Written(NamedTuple):
    """A dataset: its rows, its version, the day on which it was written, and up to when its data are (s)."""

    table: Table
    version: str
    day: int
    partition_s: float


class Shelf:
    """By dataset what was written last. `kept`: by job the share of the rows of what it writes that stay as before."""

    def __init__(self, context: WorldContext, dates: Dates, settings: Settings) -> None:
        self._context, self._dates, self._settings = context, dates, settings
        self._written: dict[str, Written] = {}
        self.kept: dict[str, float] = {}

    def table(self, dataset: str) -> Table:
        """The rows that are there."""
        return self._written[dataset].table

    def rows(self, dataset: str) -> int:
        """How many there are; 0 where nothing was written yet."""
        return rows_count(self.table(dataset)) if dataset in self._written else 0

    def version(self, dataset: str) -> str:
        """The version of what is there."""
        return self._written[dataset].version

    def partition_s(self, dataset: str) -> float:
        """Up to when the data are that are there (s)."""
        return self._written[dataset].partition_s

    def put(self, dataset: str, table: Table, day: int, partition_s: float) -> None:
        """What was there before a run."""
        self._written[dataset] = Written(table, "", day, partition_s)

    def write(
        self, operation: str, dataset: str, table: Table, inputs: Sequence[tuple[str, str]], partition_s: float,
        now_ns: int, request: int, *, is_whole: bool = False,
    ) -> None:  # fmt: skip
        """Writes a dataset in the way that its job is set to; one that `is_whole` takes the place of what is there."""
        job, day = self._settings.caller(operation), self._dates.day(now_ns)
        before = self._written.get(dataset)
        kept = self.kept.get(job, 0.0)
        if before is not None and kept >= 1:
            table, partition_s = before.table, before.partition_s
        elif before is not None and kept > 0:
            old, new = (share_of(self._context.streams, "kept", one[KEY], kept) for one in (before.table, table))
            table = partly_kept(before.table, table, old, new)
        elif before is not None and before.day == day and self._appends(operation) and not is_whole:
            table = stacked([before.table, table])
        told = self._context.datasets.write(now_ns, request, job, dataset, as_read(table), inputs, partition_s)
        self._written[dataset] = Written(table, told, day, partition_s)

    def _appends(self, operation: str) -> bool:
        return self._settings.has(operation, "write_mode") and self._settings.of(operation, "write_mode") == APPEND

    def branch(self, context: WorldContext, settings: Settings) -> Shelf:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._context, copied._settings = context, settings
        copied._written, copied.kept = dict(self._written), dict(self.kept)
        return copied


def as_read(table: Table) -> dict[str, Any]:
    """Columns as whoever reads the dataset finds them: names in the place of their numbers, nothing for no key."""
    found: dict[str, Any] = dict(table)
    for column, names in ((COUNTRY, COUNTRIES), (SEGMENT, SEGMENTS)):
        if column in found:
            found[column] = Coded(np.where(found[column] < len(names), found[column], -1), list(names))
    if (table[KEY] <= TEXT_KEYS).any():
        found[KEY] = _texts_of_keys(table[KEY])
    elif (table[KEY] == NO_KEY).any():
        found[KEY] = np.where(table[KEY] == NO_KEY, np.nan, table[KEY])
    return found


def _texts_of_keys(keys: Array) -> Coded:
    """Keys as a column of texts: those that came as texts are filled with zeros."""
    known, codes = np.unique(keys, return_inverse=True)
    texts = [f"{TEXT_KEYS - key:010d}" if key <= TEXT_KEYS else str(key) for key in known.tolist()]
    return Coded(np.where(keys == NO_KEY, -1, codes), texts)
