"""Streams of requests on the plane: windows of arrivals that are filled as they are wanted."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from lab.compiled import signed
from lab.draws import stream_key
from lab.recording.ids import request_number
from lab.scenario.arrivals import Times
from lab.streams import Streams
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.plane import Plane

WINDOW = 4096
"""Arrivals that a stream's window holds at most."""


class Chunks(Protocol):
    """Arrival times in order, by chunks: `lab.scenario.arrivals.Arrivals` is one."""

    @property
    def chunks_count(self) -> int: ...
    def chunk(self, number: int, /) -> Times: ...


@dataclass(slots=True)
class Source:
    """A stream of requests that numbers its own: the base load, one surge, a job's runs.

    `base + n` is request n's number across all streams, `key` names the stream in draws. `responds`: whether those
    who come respond to what they get. `closed_ns`: from when on nobody comes any more.
    """

    name: str
    number: int
    key: int
    responds: bool = True
    closed_ns: int | None = None
    arrivals: Chunks | None = None
    taken: int = 0
    """Requests whose arrival has been drawn."""
    _chunk: int = 0
    _rest: Times = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def base(self) -> int:
        """The number across all streams of its first request."""
        return request_number(self.number, 0)

    def take(self, count: int) -> Times:
        """The following arrivals, so many or all that are left; none at the end."""
        arrivals, parts, drawn = self.arrivals, [self._rest], len(self._rest)
        while arrivals is not None and drawn < count and self._chunk < arrivals.chunks_count:
            parts.append(arrivals.chunk(self._chunk))
            drawn += len(parts[-1])
            self._chunk += 1
        rest = np.concatenate(parts)
        found, self._rest = rest[:count], rest[count:]
        self.taken += len(found)
        return found


class Subjects(Protocol):
    """Whoever knows about whom requests are: their own keys (n, slots), and their own numbers if they have any."""

    def __call__(self, source: Source, first: int, times_ns: Times, /) -> tuple[Times, Times | None]: ...


class Sources:
    """The streams of a run, in the order in which they were opened."""

    def __init__(self, plane: Plane, streams: Streams, subjects: Subjects | None) -> None:
        self.all: list[Source] = []
        self._plane = plane
        self._streams = streams
        self._subjects = subjects
        self._rows = 0

    def open(self, name: str, component: int, arrivals: Chunks, *, responds: bool = True) -> Source:
        """Lets the requests of a load come to the users' component."""
        source = self._add(name, component, WINDOW, arrivals, responds=responds)
        self.refill(source.number)
        row = self._plane.tables.source[source.number]
        row[at.O_ACTIVE] = 1
        if row[at.O_END] > row[at.O_BEGIN]:
            first_ns = int(self._plane.tables.arrival[row[at.O_BEGIN], at.A_TIME])
            self._plane.push(first_ns, at.EVENT_SOURCE, source.number)
        return source

    def open_job(self, name: str, component: int, *, is_watched: bool = False) -> Source:
        """A stream of a job's runs, each of which is submitted by itself; they have a span of their own.

        `is_watched`: the plane stops where a run ends.
        """
        source = self._add(name, component, 1, None)
        row = self._plane.tables.source[source.number]
        row[[at.O_ACTIVE, at.O_RECORDS_ROOT, at.O_EXHAUSTED]] = 1
        row[at.O_WATCHED] = is_watched
        return source

    def submit(self, source: Source, n: int, now_ns: int) -> None:
        """Starts run `n` of a job now."""
        row = self._plane.tables.source[source.number]
        begin = row[at.O_BEGIN]
        row[[at.O_NEXT, at.O_FIRST, at.O_END]] = n, n, begin + 1
        self._plane.tables.arrival[begin] = now_ns, -1
        self._plane.push(now_ns, at.EVENT_SOURCE, source.number)

    def close(self, source: Source, now_ns: int) -> None:
        """From now on nobody comes any more."""
        if source.closed_ns is None:
            source.closed_ns = now_ns
            self._plane.tables.source[source.number, at.O_ACTIVE] = 0

    def refill(self, index: int) -> None:
        """Puts the following arrivals of a stream into its window, behind those that have not come yet."""
        source, row, arrival = self.all[index], self._plane.tables.source[index], self._plane.tables.arrival
        begin, end = int(row[at.O_BEGIN]), int(row[at.O_END])
        waiting = arrival[begin + row[at.O_NEXT] - row[at.O_FIRST] : end].copy()
        first, times_ns = source.taken, source.take(WINDOW - len(waiting))
        row[at.O_FIRST], row[at.O_EXHAUSTED] = row[at.O_NEXT], not len(times_ns)
        row[at.O_END] = begin + len(waiting) + len(times_ns)
        arrival[begin : begin + len(waiting)] = waiting
        window = arrival[begin + len(waiting) : row[at.O_END]]
        window[:, at.A_TIME] = times_ns
        if self._carries_more:
            more = self._plane.tables.arrival_more
            more[begin : begin + len(waiting)] = more[end - len(waiting) : end].copy()
        self._ask(source, first, begin + len(waiting), int(row[at.O_END]))

    def ask_anew(self) -> None:
        """Asks again about whom the requests are that have not come yet."""
        for source, row in zip(self.all, self._plane.tables.source, strict=False):
            if source.arrivals is not None and row[at.O_ACTIVE]:
                first = int(row[at.O_NEXT])
                self._ask(source, first, int(row[at.O_BEGIN] + first - row[at.O_FIRST]), int(row[at.O_END]))

    def _ask(self, source: Source, first: int, begin: int, end: int) -> None:
        """Puts into rows of the window about whom requests `first`, … are."""
        window = self._plane.tables.arrival[begin:end]
        if self._subjects is None:
            window[:, at.A_SUBJECT] = -1
            return
        keys, own = self._subjects(source, first, window[:, at.A_TIME])
        window[:, at.A_SUBJECT] = keys[:, 0]
        if self._carries_more:
            self._put_more(self._plane.tables.arrival_more[begin:end], keys, own)

    @property
    def _carries_more(self) -> bool:
        return bool(self._plane.tables.head[at.H_MORE])

    @staticmethod
    def _put_more(window: Times, keys: Times, own: Times | None) -> None:
        window[:, at.AM_KEYS : at.AM_KEYS + keys.shape[1] - 1] = keys[:, 1:]
        if own is not None:
            window[:, at.AM_OWN : at.AM_OWN + own.shape[1]] = own

    def branch(self, plane: Plane, subjects: Subjects | None) -> Sources:
        """The same streams for another plane, whose tables are a copy of this one's."""
        other = Sources(plane, self._streams, subjects)
        other.all, other._rows = [copy.copy(source) for source in self.all], self._rows
        return other

    def _add(self, name: str, component: int, rows: int, arrivals: Chunks | None, *, responds: bool = True) -> Source:
        source = Source(name, len(self.all), stream_key(self._streams, name), responds, None, arrivals)
        self.all.append(source)
        plane = self._plane
        needs = {"source": len(self.all), "arrival": self._rows + rows}
        if self._carries_more:
            needs["arrival_more"] = self._rows + rows
        for table, needed in needs.items():
            if needed > len(getattr(plane.tables, table)):
                plane.grow(table, max(needed, 2 * len(getattr(plane.tables, table))))
        row = plane.tables.source[source.number]
        row[at.O_KEY] = signed(source.key)
        row[at.O_NUMBER], row[at.O_COMPONENT] = source.number, component
        row[[at.O_BEGIN, at.O_END]] = self._rows
        self._rows += rows
        return source
