"""The end of a component's process on the plane: every connection it has breaks."""

from __future__ import annotations

import numpy as np

from lab.compiled import unsigned
from lab.recording.status import RESET
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane import serving
from lab.testbeds.sim.plane.calls import side
from lab.testbeds.sim.plane.links import passage
from lab.testbeds.sim.plane.plane import Plane


def end_process(plane: Plane, component: int) -> None:
    """Breaks every connection of a component now, as where its process is killed.

    Callers of what it was working on, or held, see a reset. What it had called comes to nothing, but still arrives
    where it was going. Answers that were on their way arrive.
    """
    _End(plane, component).run()


def end_request(plane: Plane, component: int, status: int) -> None:
    """Ends what a component works on at a root now, with this status: a job's run that took too long.

    So end the calls that it waits for, as it sees them; where they were going they still arrive. The blocks were taken.
    """
    _End(plane, component).run(status)


class _End:
    """One end of a process. Rare and rowwise: it need not be fast, only do as the kernel would."""

    def __init__(self, plane: Plane, component: int) -> None:
        self._plane = plane
        self._component = component
        tables = plane.tables
        self._frame, self._head = tables.frame, tables.head
        self._views: at.Tables = at.Tables._make(memoryview(table) for table in tables)  # type: ignore[arg-type]
        events = tables.heap[: self._head[at.H_HEAP]]
        self._events = events[np.lexsort((events[:, 1], events[:, 0]))]
        self._kinds = (self._events[:, 1] >> at.SLOT_BITS) & at.KIND_MASK
        self._slots = self._events[:, 1] & at.SLOT_MASK

    def run(self, status: int | None = None) -> None:
        """Ends the visits, frees what waits for nothing any more, and tells the callers.

        `status`: how requests end whose root is there; None: without a word.
        """
        ended = self._visits()
        if status is not None:
            for slot in ended.tolist():
                serving.end_request(self._views, slot, status, self._plane.now_ns)
        self._forget_calls_of(ended, status)
        mine = (at.EVENT_CONTINUE, at.EVENT_FAIL, at.EVENT_REPLY, at.EVENT_WORKED)
        gone = np.isin(self._kinds, mine) & np.isin(self._slots, ended)
        self._keep_events(~gone)
        row = self._plane.tables.component[self._component]
        self._forget_work(row, ended)
        row[[at.C_QUEUE_HEAD, at.C_QUEUE_TAIL, at.C_QUEUE_LENGTH]] = -1, -1, 0
        first = row[at.C_FIRST_FREE]
        self._plane.tables.free[first : first + row[at.C_WORKERS]] = self._plane.now_ns
        self._empty_pools()
        for slot in ended.tolist():
            self._break(slot)

    def _forget_work(self, row: at.Array, ended: at.Array) -> None:
        """Work was counted when it began: what its workers have left to do of it is not done any more."""
        now_ns, first = self._plane.now_ns, row[at.C_FIRST_FREE]
        ends_ns = [self._plane.tables.free[first : first + row[at.C_WORKERS]]]
        ends_ns.append(self._events[(self._kinds == at.EVENT_WORKED) & np.isin(self._slots, ended), 0])
        left = int(np.maximum(np.concatenate(ends_ns) - now_ns, 0).sum(dtype=float))
        busy = int(row[at.C_BUSY])
        kept = max(0, busy - left)
        row[[at.C_BUSY, at.C_THROTTLED]] = kept, round(int(row[at.C_THROTTLED]) * kept / busy) if busy else 0

    def _empty_pools(self) -> None:
        """Nobody uses or waits for its workers and its connections any more."""
        pools = self._plane.tables.pool
        mine = np.isin(pools[:, at.R_OWNER], (self._component, -1 - self._component)) & (pools[:, at.R_SIZE] > 0)
        pools[mine, at.R_IN_USE] = pools[mine, at.R_LENGTH] = 0

    def _visits(self) -> at.Array:
        """Frames that the component works on or holds: they came to it, and their answer is not on its way."""
        frame, edges = self._frame[: self._head[at.H_FRAMES]], self._plane.tables.edge
        edge = frame[:, at.F_EDGE]
        where = np.where(edge >= 0, edges[edge.clip(0), at.E_CALLEE], -1 - edge)
        flags = frame[:, at.F_FLAGS]
        found = (flags >= 0) & (flags & at.FLAG_SERVER > 0) & (where == self._component)
        found[self._slots[np.isin(self._kinds, (at.EVENT_ARRIVE, at.EVENT_RETRY))]] = False
        for i in np.flatnonzero(self._kinds == at.EVENT_REPLY).tolist():
            slot = int(self._slots[i])
            if found[slot] and self._events[i, 0] - self._plane.now_ns <= self._passage_ns(slot):
                found[slot] = False
        return np.flatnonzero(found)

    def _forget_calls_of(self, ended: at.Array, status: int | None) -> None:
        """Nobody waits any more for what the ended visits had called, or would have called again.

        `status`: how whoever has ended saw that end; None: it did not live to see it.
        """
        retries = self._kinds == at.EVENT_RETRY
        mine = np.isin(self._frame[self._slots * retries, at.F_PARENT], ended) & retries
        for slot in self._slots[mine].tolist():
            self._free(slot)
        self._keep_events(~mine)
        frame = self._frame[: self._head[at.H_FRAMES]]
        waiting = (frame[:, at.F_FLAGS] >= 0) & (frame[:, at.F_FLAGS] & at.FLAG_CLIENT > 0)
        for slot in np.flatnonzero(waiting & np.isin(frame[:, at.F_PARENT], ended)).tolist():
            self._leave_ring(slot)
            if status is not None:
                frame = self._frame[slot]
                codes = int(frame[at.F_EDGE]) | int(frame[at.F_ATTEMPT]) << at.ATTEMPT_SHIFT
                codes |= status << at.STATUS_SHIFT | at.SIDE_CLIENT_FINAL << at.SIDE_SHIFT
                side(self._views, slot, int(frame[at.F_START]), self._plane.now_ns, codes)
            self._clear(slot, at.FLAG_CLIENT)

    def _break(self, slot: int) -> None:
        """Answers a call with a reset, after the answer's passage; ends a request at its root without a word."""
        frame, now_ns = self._frame[slot], self._plane.now_ns
        frame[at.F_FLAGS] &= ~at.FLAG_WORKER
        if frame[at.F_EDGE] < 0 or not frame[at.F_FLAGS] & at.FLAG_CLIENT:
            self._clear(slot, at.FLAG_SERVER)
            return
        frame[at.F_STATUS] = RESET
        answer_ns = now_ns + self._passage_ns(slot)
        if answer_ns < frame[at.F_DEADLINE]:
            self._plane.push(answer_ns, at.EVENT_REPLY, slot)
            return
        frame[at.F_FLAGS] &= ~at.FLAG_SERVER
        if not frame[at.F_FLAGS] & (at.FLAG_RING | at.FLAG_TIMEOUT):
            frame[at.F_FLAGS] |= at.FLAG_TIMEOUT
            self._plane.push(int(frame[at.F_DEADLINE]), at.EVENT_TIMEOUT, slot)

    def _passage_ns(self, slot: int) -> int:
        """How long the answer to a call takes on its way."""
        frame, edges = self._views.frame, self._views.edge
        edge = frame[slot, at.F_EDGE]
        if edge < 0:
            return 0
        passage_ns: int = passage(self._views, edges[edge, at.E_LINK], unsigned(frame[slot, at.F_KEY]), 1)
        return passage_ns

    def _clear(self, slot: int, flag: int) -> None:
        self._frame[slot, at.F_FLAGS] &= ~flag
        if not self._frame[slot, at.F_FLAGS] & at.FLAG_KEPT:
            self._free(slot)

    def _free(self, slot: int) -> None:
        self._frame[slot, at.F_FLAGS] = -1
        self._frame[slot, at.F_NEXT] = self._head[at.H_FREE]
        self._head[at.H_FREE] = slot
        self._head[at.H_LIVE] -= 1

    def _leave_ring(self, slot: int) -> None:
        """Takes a frame out of its edge's ring of timeouts; an armed entry finds that out by itself."""
        frame = self._frame[slot]
        if not frame[at.F_FLAGS] & at.FLAG_RING:
            return
        frame[at.F_FLAGS] &= ~at.FLAG_RING
        edge = self._plane.tables.edge[frame[at.F_EDGE]]
        later, earlier = frame[at.F_LATER], frame[at.F_EARLIER]
        if earlier >= 0:
            self._frame[earlier, at.F_LATER] = later
        else:
            edge[at.E_RING_HEAD] = later
        if later >= 0:
            self._frame[later, at.F_EARLIER] = earlier
        else:
            edge[at.E_RING_TAIL] = earlier

    def _keep_events(self, kept: at.Array) -> None:
        """Leaves only these events; in order they are a heap."""
        self._events, self._kinds, self._slots = self._events[kept], self._kinds[kept], self._slots[kept]
        self._plane.tables.heap[: len(self._events)] = self._events
        self._head[at.H_HEAP] = len(self._events)
