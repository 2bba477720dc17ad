"""What could be seen of a recording at a time: cut part by part, once for all who look.

Whatever a session sees comes from here, and what is here comes from `lab.recording.cut.cut`. Parts are cut on their own
(an `Observed` with one table), when they are first asked for, by one thread while others that want the same wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import pyarrow as pa

    from lab.recording.entries import AlertEntry, ChangeEntry
    from lab.recording.lineage import LineageEntry
    from lab.recording.observed import Observed
    from lab.signals import SignalTable

T = TypeVar("T")
Key: TypeAlias = tuple[Any, ...]

CACHE_BYTES = 1_500_000_000
"""What all cuts of one server may take; the longest unused go first."""
LIST_BYTES = 20_000
"""What a part without a size of its own is reckoned at."""


class Cache:
    """Values by key, each made once by whoever asks first; the longest unused go when there are too many bytes."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._making: dict[Key, Future[Any]] = {}
        self._bytes = 0

    def get(self, key: Key, make: Callable[[], T]) -> T:
        """The value of a key, made now if it is not there. What the maker raises is raised for all who wait for it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast("T", self._kept[key][0])
            waiting = self._making.get(key)
            if waiting is None:
                mine = self._making[key] = Future[Any]()
        if waiting is not None:
            return cast("T", waiting.result())
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._making[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._making[key]
            self._keep(key, value)
        mine.set_result(value)
        return value

    def peek(self, key: Key) -> Any:
        """The value of a key if it is there, else None."""
        with self._lock:
            found = self._kept.get(key)
            return None if found is None else found[0]

    def forget(self, first: object) -> None:
        """Drops every value whose key begins with this."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == first]:
                self._bytes -= self._kept.pop(key)[1]

    def _keep(self, key: Key, value: Any) -> None:
        size = _bytes_of(value)
        self._kept[key] = value, size
        self._bytes += size
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][1]


def _bytes_of(value: Any) -> int:
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    return LIST_BYTES


class _All:
    """A cut of everything, with what it takes."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed
        tables = [*observed.tables.values(), *observed.reference.values()]
        self.nbytes = LIST_BYTES + sum(getattr(table, "nbytes", 0) for table in tables)


class _Signals:
    """Signals, with what they take."""

    def __init__(self, table: SignalTable) -> None:
        self.table = table
        self.nbytes = LIST_BYTES + sum(series.values.nbytes for series in table)


class View:
    """An `observed/` directory, to be looked at as it was at any time.

    Times are scenario seconds; UserError for one outside of the recording. Safe to use from several threads.
    """

    def __init__(self, directory: Path, cache: Cache) -> None:
        self.directory = directory
        self._cache = cache

    @property
    def whole(self) -> Observed:
        """The recording uncut. For who asks what there is (names of tables, times of alerts), never for an answer."""
        return self._cache.get((self.directory, "whole"), self._loaded)

    @property
    def end_s(self) -> float:
        """Length of the recording."""
        return self.whole.end_s

    @property
    def tick_s(self) -> float:
        """Its scrape interval."""
        return float(self.whole.system["scrape_interval_s"])

    @property
    def alert_times_s(self) -> list[float]:
        """When alerts begin to fire, in order: what the clock jumps to."""
        return sorted(float(entry["time_s"]) for entry in self.whole.alerts if entry["state"] == "firing")

    def system(self, at_s: float) -> Mapping[str, Any]:
        """`system.json` as it was."""
        return self._lists(at_s).system

    def alerts(self, at_s: float) -> list[AlertEntry]:
        """Alerts that had fired or resolved."""
        return self._lists(at_s).alerts

    def changes(self, at_s: float) -> list[ChangeEntry]:
        """Changes that had been announced."""
        return self._lists(at_s).changes

    def lineage(self, at_s: float) -> list[LineageEntry]:
        """What runs of jobs had read and written; nothing where the system does not tell."""
        return self._lists(at_s).lineage or []

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that the recording has."""
        return tuple(self.whole.tables)

    def table(self, name: str, at_s: float) -> pa.Table:
        """The rows of a table that could be seen. KeyError where there is no such table."""
        if name not in self.whole.tables:
            raise KeyError(name)
        there = self._cache.peek((self.directory, at_s, "all"))
        if there is not None:
            return there.observed.tables[name]
        return self._cache.get((self.directory, at_s, "table", name), lambda: self._cut(at_s, (name,)).tables[name])

    def reference(self, name: str, at_s: float) -> Any:
        """A file of `reference/` as it was: JSON content or a table. KeyError where there is no such file."""
        from lab.recording.cut import needs_telemetry

        whole = self.whole
        if name not in whole.reference:
            raise KeyError(name)
        if needs_telemetry(whole.schema, name):
            return self.observed(at_s).reference[name]
        return self._cache.get(
            (self.directory, at_s, "reference", name), lambda: self._cut(at_s, (), (name,)).reference[name]
        )

    def signals(self, at_s: float) -> SignalTable:
        """Every signal, computed from what could be seen."""
        return self._cache.get((self.directory, at_s, "signals"), lambda: self._signals(at_s)).table

    def observed(self, at_s: float) -> Observed:
        """All of it as it was."""
        return self._cache.get((self.directory, at_s, "all"), lambda: self._all(at_s)).observed

    def kept(self, name: str, at_s: float, make: Callable[[], T]) -> T:
        """What is made of it as it was, under a name: made once for each time."""
        return self._cache.get((self.directory, at_s, "made", name), make)

    def _signals(self, at_s: float) -> _Signals:
        from lab.signals import compute_signals

        return _Signals(compute_signals(self.observed(at_s)))

    def _all(self, at_s: float) -> _All:
        return _All(self._cut(at_s, self.tables, tuple(self.whole.reference)))

    def _lists(self, at_s: float) -> Observed:
        return self._cache.get((self.directory, at_s, "lists"), lambda: self._cut(at_s, ()))

    def _cut(self, at_s: float, tables: tuple[str, ...], reference: tuple[str, ...] = ()) -> Observed:
        from lab.recording.cut import cut
        from lab.recording.observed import Observed

        whole = self.whole
        needed = dict.fromkeys((*reference, "contract.json"))  # the contract says when labels ripen
        part = Observed(
            whole.system,
            {name: self._part(name) for name in tables if name in whole.tables},
            whole.changes,
            whole.alerts,
            {name: whole.reference[name] for name in needed if name in whole.reference},
            whole.lineage,
        )
        return cut(part, at_s)

    def _part(self, name: str) -> pa.Table:
        """A whole table, read once; not by way of the recording, which would keep it for ever."""
        from lab.recording.arrow import read_table

        return self._cache.get((self.directory, "table", name), lambda: read_table(self.directory / f"{name}.parquet"))

    def _loaded(self) -> Observed:
        from lab.recording.observed import load_observed

        return load_observed(self.directory)
