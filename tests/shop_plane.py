"""A stand-in for the request plane under the shop: every request takes its way at once, blocks are cut where told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lab.clock import NS
from lab.content.datasets import DatasetLog
from lab.content.operations import FROM_STORE, FROM_TABLE, NO_VALUE
from lab.content.protocol import Done, Served, Stream, WorldContext
from lab.draws import stream_key
from lab.recording.ids import STREAM_SHIFT
from lab.recording.status import ERROR, OK
from lab.scenario.arrivals import Arrivals
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.systems.files import load_system
from lab.testbeds.sim.plane.layout import new_tables
from lab.testbeds.sim.plane.world_view import PlaneView, put_layout, table_rows
from lab.worlds.shop.layout import CACHE, MODEL, TABLE
from lab.worlds.shop.world import ShopWorld

ASSEMBLED_NS, ENDED_NS = 8_000_000, 20_000_000
FEED_S = 10.0
WINDOW = 100
Lever = tuple[float, Callable[[ShopWorld, int], None]]


@dataclass
class OpenStream:
    name: str
    number: int
    key: int
    responds: bool = True
    closed_ns: int | None = None


class State(PlaneView):
    """The tables, with the epochs that this stand-in has under way."""

    carried: Sequence[int] = ()

    def carried_epochs(self, slot: int = 0) -> Any:
        return np.array(self.carried, np.int64)


class FakePlane:
    """A shop at `rate_per_s` for `duration_s` after a warm-up of 60 s."""

    def __init__(self, seed: int = 3, duration_s: float = 90.0, rate_per_s: float = 20.0, **settings: int) -> None:
        system = load_system("recommender")
        assert system.world is not None
        system = system.model_copy(update={"world": system.world.model_copy(update={"settings": settings})})
        streams = Streams(seed)
        self.start_ns, self.end_ns = round(60 * NS), round((60 + duration_s) * NS)
        self.logs: list[tuple[Any, ...]] = []
        self.changes: list[tuple[Any, ...]] = []
        self.context = WorldContext(
            system, streams, self.start_ns, self.end_ns, rate_per_s,
            lambda *line: self.logs.append(line), lambda *change: self.changes.append(change), DatasetLog(system),
        )  # fmt: skip
        self.world = ShopWorld(self.context)
        self.tables = new_tables(**table_rows(self.world.layout))
        put_layout(self.tables, self.world.layout)
        self.state = State(lambda: self.tables, self.world.layout)
        self.world.bind(self.state)
        stage = Stage.model_construct(for_s=60 + duration_s, rate_per_s=rate_per_s)
        self.stream = OpenStream("load", 2, stream_key(streams, "load"))
        self.times_ns = Arrivals((stage,), 0.0, 0.0, streams, "load").times_ns()
        self.users: list[int] = []
        self.came = 0
        self.served: list[tuple[int, ...]] = []
        self.done: list[tuple[int, ...]] = []
        self.now_ns = 0

    def run(self, until_s: float, cuts_s: Sequence[float] = (), levers: Sequence[Lever] = ()) -> FakePlane:
        """Goes on to a testbed time; blocks end at each cut, feed run and lever."""
        until_ns = round(until_s * NS)
        feeds = range(round(FEED_S * NS), until_ns + 1, round(FEED_S * NS))
        moments: list[tuple[int, int, Any]] = [(at, 0, None) for at in feeds if at > self.now_ns]
        moments += [(round(at * NS), 1, do) for at, do in levers if self.now_ns < round(at * NS) <= until_ns]
        moments += [(round(at * NS), 2, None) for at in (*cuts_s, until_s) if self.now_ns < round(at * NS) <= until_ns]
        for at_ns, kind, do in sorted(moments, key=lambda moment: moment[:2]):
            self._requests(at_ns)
            self._settle(at_ns)
            if kind == 0:
                assert self.world.operate("aggregate_events", at_ns, 0) == OK
                self._refresh(at_ns)
            elif kind == 1:
                do(self.world, at_ns)
            self.now_ns = at_ns
        return self

    def branch(self) -> FakePlane:
        """Another one that goes on from here."""
        other = object.__new__(FakePlane)
        other.__dict__.update(self.__dict__)
        other.tables = type(self.tables)._make(table.copy() for table in self.tables)
        other.state = State(lambda: other.tables, self.world.layout)
        other.state.carried = list(self.state.carried)
        other.logs, other.changes = list(self.logs), list(self.changes)
        context = WorldContext(
            self.context.system, self.context.streams, self.start_ns, self.end_ns, self.context.rate_per_s,
            lambda *line: other.logs.append(line), lambda *change: other.changes.append(change),
            self.context.datasets.branch(),
        )  # fmt: skip
        other.stream = replace(self.stream)
        other.world = self.world.branch(context, other.state, [other.stream])
        other.users, other.served, other.done = list(self.users), list(self.served), list(self.done)
        return other

    def _requests(self, until_ns: int) -> None:
        while self.came < len(self.times_ns) and self.times_ns[self.came] < until_ns:
            if self.came == len(self.users):
                window = self.times_ns[self.came : self.came + WINDOW]
                self.users += self.world.arrive(self.stream, self.came, window).keys[:, 0].tolist()
            self._request(self.came, self.users[self.came], int(self.times_ns[self.came]))
            self.came += 1

    def _request(self, n: int, user: int, now_ns: int) -> None:
        store, table, gate = self.state.store(CACHE), self.state.table(TABLE), self.state.gate(MODEL)
        entry = int(store.answers[user])
        request = self.stream.number << STREAM_SHIFT | n
        if store.written_ns[entry] >= 0 and (now_ns <= store.ends_ns[entry] or store.frozen[entry]):
            store.hits_count += 1
            row, epoch, violation = int(store.row[entry]), int(store.epoch[entry]), int(store.violation[entry])
            source, written_ns = FROM_STORE, int(store.written_ns[entry])
        else:
            store.misses_count += 1
            row, epoch, violation, source, written_ns = user, table.epoch, int(table.violation[user]), FROM_TABLE, -1
            self._put(user, row, epoch, violation, now_ns)
        status = ERROR if violation else OK
        version = gate.version_a if gate.is_open else 0
        assembled_ns, ended_ns = now_ns + ASSEMBLED_NS, now_ns + ENDED_NS
        self.served.append((request, assembled_ns, row, source, violation, epoch, written_ns, 1, now_ns, 0))
        self.done.append((request, now_ns, ended_ns, status, row, source, version, n % 8 > 0, epoch))

    def _put(self, key: int, row: int, epoch: int, violation: int, now_ns: int) -> None:
        store = self.state.store(CACHE)
        if store.written_ns[key] >= 0 and store.frozen[key]:
            return
        store.written_ns[key], store.ends_ns[key] = now_ns, now_ns + store.ttl_ns
        store.row[key], store.epoch[key], store.violation[key] = row, epoch, violation

    def _refresh(self, now_ns: int) -> None:
        store, table = self.state.store(CACHE), self.state.table(TABLE)
        lives = (store.written_ns >= 0) & ((now_ns <= store.ends_ns) | (store.frozen > 0))
        for key in np.flatnonzero(lives & (store.touched > 0)).tolist():
            self._put(key, key, table.epoch, int(table.violation[key]), now_ns)
        store.touched[:] = 0

    def _settle(self, now_ns: int) -> None:
        served = [row for row in self.served if row[1] <= now_ns]
        done = [row for row in self.done if row[2] <= now_ns]
        self.served, self.done = self.served[len(served) :], self.done[len(done) :]
        self.state.carried = [row[5] for row in self.served] + [row[8] for row in self.done]
        columns = np.array(served, np.int64).reshape(-1, 10).T
        self.world.settle(Served(*columns), done_of_rows(np.array(done, np.int64).reshape(-1, 9)), now_ns)


def done_of_rows(rows: Any) -> Done:
    """Requests with one key each, of which nothing was decided."""
    request, start_ns, end_ns, status, row, source, version, marks, epoch = rows.T
    return Done(
        request, start_ns, end_ns, status, row[:, None], source[:, None], version, marks, epoch[:, None],
        np.full(len(rows), NO_VALUE), row[:, None], rows[:, :0],
    )  # fmt: skip


def numbers(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as arrays that can be compared."""
    return {n: v if isinstance(v, np.ndarray) else np.array(v.to_pylist(), object) for n, v in columns.items()}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two tables are equal, bit by bit; NaN is NaN."""
    one, other = numbers(one), numbers(other)
    return list(one) == list(other) and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f") for name in one
    )


_KEEPS_TO: type[Stream] = OpenStream
