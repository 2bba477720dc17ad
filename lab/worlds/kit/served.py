"""The table `features` of a recording: rows of features as they were served to requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.operations import FROM_NOWHERE, FROM_STORE
from lab.content.protocol import Columns, Served
from lab.recording.arrow import coded_array
from lab.worlds.kit.epochs import Epochs
from lab.worlds.kit.rows import WaitingRows

Array = npt.NDArray[Any]


class ServedRows(NamedTuple):
    """Rows served (n,): to which request, when, of which table (slot), for which key, from where (FROM_*).

    watermark_ns: until when the row knew events, written_ns: when its cache entry was written (-1: none). vectors
    (n, features of all tables): NaN for SQL NULL, in those of other tables and where no row came.
    """

    request: Array
    time_ns: Array
    slot: Array
    key: Array
    source: Array
    watermark_ns: Array
    written_ns: Array
    vectors: Array


class ServedLog:
    """Rows served since the recording began; each is final when its time has passed.

    sources: names by FROM_*. names: of the features, table by table. entities: the columns that say whose rows are.
    """

    def __init__(
        self,
        start_ns: int,
        sources: tuple[str, str, str],
        names: Sequence[str],
        entities: Callable[[ServedRows], Columns],
    ) -> None:
        self._start_ns = start_ns
        self._sources = sources
        self._names = names
        self._entities = entities
        none = np.zeros(0, np.int64)
        nothing = ServedRows._make([*[none] * 7, np.zeros((0, len(names)))])
        self._rows = WaitingRows(nothing, start_ns, open_ns=1, order=("time_ns", "request", "slot"))

    def add(self, served: Served, keys: Array, tables: Sequence[Epochs]) -> None:
        """Adds a block of rows of these tables, for these keys (n,)."""
        vectors = np.full((len(served.request), len(self._names)), np.nan)
        watermark_ns = np.full(len(served.request), -1)
        first = 0
        for slot, table in enumerate(tables):
            end = first + table.seen.shape[2]
            came = np.flatnonzero((served.slot == slot) & (served.source != FROM_NOWHERE))
            epoch = served.epoch[came]
            vectors[came, first:end] = table.seen[table.slots(epoch), served.row[came]]
            watermark_ns[came] = table.watermarks_ns(epoch)
            first = end
        self._rows.add(
            ServedRows(
                served.request, served.time_ns, served.slot, keys, served.source, watermark_ns, served.written_ns,
                vectors,
            )
        )  # fmt: skip

    def final(self, until_ns: int) -> Columns:
        """Those from before `until_ns`, once."""
        return self._columns(self._rows.final(until_ns))

    def pending(self, until_ns: int) -> Columns:
        """Those up to `until_ns` that are not final."""
        return self._columns(self._rows.pending(until_ns))

    def copy(self) -> ServedLog:
        """One that goes on for itself."""
        copied = ServedLog(self._start_ns, self._sources, self._names, self._entities)
        copied._rows = self._rows.copy()
        return copied

    def _columns(self, rows: ServedRows) -> Columns:
        time_ns, source = rows.time_ns, rows.source
        row_age_s = np.where(rows.watermark_ns >= 0, np.round((time_ns - rows.watermark_ns) / NS, 3), np.nan)
        entry_age_s = np.where(source == FROM_STORE, np.round((time_ns - rows.written_ns) / NS, 3), np.nan)
        by_feature = np.ascontiguousarray(rows.vectors.T)
        return {
            "request": rows.request,
            "time_s": (time_ns - self._start_ns) / NS,
            **self._entities(rows),
            "source": coded_array(source, self._sources),
            "row_age_s": row_age_s,
            "entry_age_s": entry_age_s,
            **{f"feature.{name}": by_feature[i] for i, name in enumerate(self._names)},
        }
