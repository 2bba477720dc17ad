"""The request plane of one run: its tables, what happens where the kernel stops, and the words that levers set."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Protocol

import numpy as np

from lab.called import Called
from lab.clock import NS, to_ns
from lab.compiled import Kernel
from lab.draws import threshold
from lab.errors import UserError
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.build import Built, limit_words
from lab.testbeds.sim.plane.heap import push
from lab.testbeds.sim.state import RETRANSMISSION_TIMEOUT_NS, ComponentState, Edge, LinkState, SystemState

_CUT = {"both": at.CUT_BOTH, "request": at.CUT_REQUEST, "response": at.CUT_RESPONSE}


class Turns(Protocol):
    """What the plane leaves to others."""

    def take(self, sides: at.Array, served: at.Array, done: at.Array, now_ns: int) -> None:
        """Rows of the blocks `span`, `served` and `done` since the last time; copies.

        Where requests carry more, the words of `done_more` follow those of `done`.
        """

    def refill(self, source: int) -> None:
        """Puts the following arrivals of a source into its window, or marks it exhausted."""

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        """Has the world do an operation, after the blocks were taken, unless its layout needs none; its status.

        `request`: the number, over all streams, of the request that asks for it.
        """


class Ended(NamedTuple):
    """A request that ended: its number over all streams, and its status."""

    request: int
    status: int


class Plane:
    """Tables and kernel of one run. Only `advance` lets time pass; between its calls the tables may be written."""

    def __init__(self, built: Built, kernel: Kernel, turns: Turns) -> None:
        self.tables = built.tables
        self._operations = built.operations
        self._kernel = kernel
        self._turns = turns
        self._rooms = self.tables.component[:, at.C_WORKERS].copy()
        self._settles_first = built.settles_first
        self._carries_more = bool(self.tables.head[at.H_MORE])
        self._decide = None if built.decide is None else Called(built.decide, kernel.mode, self.tables.asked)
        self._put_decide()

    @property
    def now_ns(self) -> int:
        """The time to which requests have advanced."""
        return int(self.tables.head[at.H_NOW])

    def advance(self, until_ns: int) -> Ended | None:
        """Runs every request event before `until_ns`, or until a watched request ends, which it returns."""
        head = self.tables.head
        while code := self._kernel.call(self.tables, until_ns):
            if code in (at.SPANS_FULL, at.BLOCK_FULL):
                self.drain()
            elif code == at.FRAMES_FULL:
                self._grow_frames()
            elif code == at.HEAP_FULL:
                self.grow("heap")
            elif code == at.ARRIVALS_WANTED:
                self._turns.refill(int(head[at.H_WANTED_SOURCE]))
            elif code == at.RUN_ENDED:
                return Ended(int(head[at.H_ENDED_REQUEST]), int(head[at.H_ENDED_STATUS]))
            else:
                if self._settles_first:
                    self.drain()
                name = self._operations[head[at.H_WANTED_OPERATION]]
                request = int(self.tables.frame[head[at.H_FRAME], at.F_REQUEST])
                head[at.H_OPERATION_STATUS] = self._turns.operate(name, self.now_ns, request)
        return None

    def drain(self) -> None:
        """Hands over what the blocks hold; at any time, for nothing depends on where they end."""
        tables, head = self.tables, self.tables.head
        counts = head[[at.H_SPANS, at.H_SERVED, at.H_DONE]].tolist()
        if any(counts):
            blocks = (tables.span, tables.served, tables.done)
            sides, served, done = (block[:count].copy() for block, count in zip(blocks, counts, strict=True))
            if self._carries_more:
                done = np.concatenate([done, tables.done_more[: counts[2]]], axis=1)
            head[[at.H_SPANS, at.H_SERVED, at.H_DONE]] = 0
            self._turns.take(sides, served, done, self.now_ns)

    def pending_sides(self) -> at.Array:
        """The span sides that the blocks hold, without a copy and without handing them over."""
        return self.tables.span[: self.tables.head[at.H_SPANS]]

    def push(self, time_ns: int, kind: int, slot: int) -> None:
        """Schedules an event from outside."""
        while self.tables.head[at.H_HEAP] + 1 > len(self.tables.heap):
            self.grow("heap")
        push(self.tables, time_ns, kind, slot)

    def grow(self, name: str, rows: int = 0) -> None:
        """Makes room for `rows` rows, or for twice as many as there are; what is in them stays."""
        old = getattr(self.tables, name)
        new = at.empty(name, rows or 2 * len(old))
        new[: len(old)] = old
        self.tables = self.tables._replace(**{name: new})

    def _grow_frames(self) -> None:
        had = len(self.tables.frame)
        if 2 * had > at.FRAMES_MAX:
            raise UserError(
                f"more than {had} calls are under way at once, {self.now_ns / NS:.0f} s after the warm-up began; "
                "let fewer requests come, or shorten timeouts and bound retries"
            )
        self.grow("frame")
        self.grow("pay")
        if self._carries_more:
            self.grow("more")
        self.tables.frame[had:, at.F_FLAGS] = -1

    def release(self, component: ComponentState) -> None:
        """Lets go, in order of arrival, what a component held while paused."""
        if self._pool_of(component) is not None:
            return  # they are in its pool's queue, which `sync_component` has it look at
        row, frame = self.tables.component[component.index], self.tables.frame
        held, following = [], int(row[at.C_QUEUE_HEAD])
        for _ in range(row[at.C_QUEUE_LENGTH]):
            held.append(following)
            following = int(frame[following, at.F_NEXT])
        row[[at.C_QUEUE_HEAD, at.C_QUEUE_TAIL, at.C_QUEUE_LENGTH]] = -1, -1, 0
        for slot in held:
            self.push(self.now_ns, at.EVENT_ARRIVE, slot)

    def branch(self, turns: Turns) -> Plane:
        """A plane that goes on from here by itself; the blocks of this one were taken."""
        other = copy.copy(self)
        other._turns, other._rooms = turns, self._rooms.copy()
        names = ("span", "served", "done", "done_more")
        blocks = {name: at.empty(name, len(getattr(self.tables, name))) for name in names}
        kept = {name: table.copy() for name, table in self.tables._asdict().items() if name not in blocks}
        other.tables = at.Tables(**kept, **blocks)
        other._decide = self._decide and self._decide.branch(other.tables.asked)
        other._put_decide()
        return other

    def decide_with(self, tables: Any) -> None:
        """Gives the world's kernel the tables that it reads from now on."""
        assert self._decide is not None
        self._decide.use(tables)

    def _put_decide(self) -> None:
        if self._decide is not None:
            self.tables.head[[at.H_DECIDE, at.H_DECIDE_TABLES]] = self._decide.function, self._decide.tables

    # What levers set: Python keeps their state, the tables get copies of it.

    def sync(self, state: SystemState) -> None:
        """Writes all that levers set into the tables."""
        for component in state.components.values():
            self.sync_component(component)
        for index, link in enumerate(state.links.values()):
            self.sync_link(index, link)
        for edge in state.edges:
            self.sync_edge(edge)
        for pool in state.connections:
            self._sync_pool(pool.index, pool.size, pool.max_wait_ns, pool.queue)
        for index, limits in enumerate(state.limits):
            self.tables.when[index] = limit_words(limits.above, limits.at_most)

    def sync_component(self, component: ComponentState) -> None:
        """Writes a component's condition into its row."""
        row, floats = self.tables.component[component.index], self.tables.component_f[component.index]
        row[at.C_MAX_WAIT] = component.max_wait_ns
        pool = self._pool_of(component)
        row[at.C_STOPPED] = component.stopped
        row[at.C_HELD] = at.HELD * bool(component.holds) | at.POOLED * (pool is not None)
        row[at.C_STRETCHED] = component.stretch != 1.0
        floats[at.CF_STRETCH], floats[at.CF_CPU_SHARE] = component.stretch, component.cpu_share
        if row[at.C_WORKERS] != component.workers:
            self._change_workers(component.index, component.workers)
        if pool is not None:
            self.tables.pool[pool, at.R_HELD] = bool(component.holds)
            self._sync_pool(pool, component.workers, component.max_wait_ns, component.queue)

    def _pool_of(self, component: ComponentState) -> int | None:
        """The row of `pool` of a component's workers."""
        row = int(self.tables.component[component.index, at.C_POOL])
        return row if row >= 0 else None

    def _sync_pool(self, index: int, size: int, max_wait_ns: int, queue: int | None) -> None:
        """Writes a pool's limits into its row; who waits may now begin, or has waited too long."""
        row = self.tables.pool[index]
        row[[at.R_SIZE, at.R_MAX_WAIT]] = size, max_wait_ns
        row[at.R_LIMIT] = at.FAR if queue is None else queue
        if row[at.R_LENGTH] and not row[at.R_HELD] and row[at.R_LOOK_AT] > self.now_ns:
            row[at.R_LOOK_AT] = self.now_ns
            self.push(self.now_ns, at.EVENT_LOOK, index)

    def _change_workers(self, index: int, workers: int) -> None:
        """With fewer workers the busiest remain; further ones are free now."""
        row = self.tables.component[index]
        first = row[at.C_FIRST_FREE]
        busiest = np.sort(self.tables.free[first : first + row[at.C_WORKERS]])[::-1][:workers]
        if workers > self._rooms[index]:
            row[at.C_FIRST_FREE] = len(self.tables.free)
            self._rooms[index] = workers
            self.grow("free", len(self.tables.free) + workers)
        first = row[at.C_FIRST_FREE]
        free = self.tables.free[first : first + workers]
        free[:] = self.now_ns
        free[: len(busiest)] = busiest
        free.sort()  # an ascending sequence is a heap
        row[at.C_WORKERS] = workers

    def sync_link(self, index: int, link: LinkState) -> None:
        """Writes a link's faults into its row."""
        row = self.tables.link[index]
        cut, reset, delay, drop, throttle = link.cut, link.reset, link.delay, link.drop, link.throttle
        row[at.L_FAULTY] = link.faulty
        row[at.L_CUT] = threshold(cut.fraction) if cut else 0
        row[at.L_CUT_DIRECTION] = _CUT[cut.direction] if cut else at.CUT_BOTH
        row[at.L_RESET] = threshold(reset.fraction) if reset else 0
        row[at.L_DELAY] = threshold(delay.fraction) if delay else 0
        row[at.L_DELAY_NS] = to_ns(delay.latency_s) if delay else 0
        row[at.L_JITTER_NS] = to_ns(delay.jitter_s) if delay else 0
        row[at.L_DROP] = threshold(drop.fraction) if drop else 0
        row[at.L_DROP_NS] = RETRANSMISSION_TIMEOUT_NS if drop else 0
        size = link.spec.request_bytes + link.spec.response_bytes
        row[at.L_BYTE_NS] = to_ns(size / throttle.bytes_per_s) if throttle else 0

    def sync_edge(self, edge: Edge) -> None:
        """Writes a call's policy into its row."""
        row = self.tables.edge[edge.index]
        row[[at.E_TIMEOUT, at.E_RETRIES, at.E_BACKOFF]] = edge.timeout_ns, edge.retries, edge.backoff_ns
        row[at.E_EXTRA] = edge.extra_ns
