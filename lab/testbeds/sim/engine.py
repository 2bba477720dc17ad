"""The request engine: advances requests hop by hop to a given time, reading the system's state.

One event list for all requests (a heap ordered by time, then by insertion). The rest of the testbed touches
it through one seam: `advance(until_ns)`, between two control events, while the state stands still.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any, TypeVar

from lab.clock import to_ns
from lab.recording.paths import ATTEMPTS_MAX
from lab.recording.recorder import Recorder
from lab.recording.sides import CLIENT, CLIENT_FINAL, SERVER
from lab.recording.status import DEPENDENCY, ERROR, MISS, OK, REFUSED, RESET, TIMEOUT
from lab.testbeds.sim.sources import Draws, Source
from lab.testbeds.sim.state import RETRANSMISSION_TIMEOUT_NS, ComponentState, Edge, SystemState


class Visit:
    """A component handling one request: where it is in its call plan and which steps did not succeed.

    `base` is the path prefix of the calls it makes (see `paths`). `is_waiting`: whether it waits for the call whose
    operation is performed; not where it has given that up.
    """

    __slots__ = ("base", "call", "component", "failed", "is_waiting", "n", "source", "start_ns", "step")

    def __init__(
        self, source: Source, n: int, component: ComponentState, call: Call | None, base: int, start_ns: int
    ) -> None:
        self.source = source
        self.n = n
        self.component = component
        self.call = call
        self.base = base
        self.start_ns = start_ns
        self.step = 0
        self.failed = 0
        self.is_waiting = True


class Call:
    """One attempt over one edge, as its caller sees it.

    `watched`: its timeout is among the events. Most calls are answered in time and need none.
    """

    __slots__ = ("attempt", "deadline_ns", "done", "draws", "edge", "path", "start_ns", "status", "visit", "watched")

    def __init__(self, visit: Visit, edge: Edge, attempt: int, path: int, draws: Draws, start_ns: int) -> None:
        self.visit = visit
        self.edge = edge
        self.attempt = attempt
        self.path = path
        self.draws = draws
        self.start_ns = start_ns
        self.deadline_ns = start_ns + edge.timeout_ns
        self.status = OK
        self.done = False
        self.watched = False


Subject = TypeVar("Subject", Source, Visit, Call)


class RequestEngine:
    """Requests in flight. `on_complete(source, n, now_ns, status)` is called when a root request ends."""

    def __init__(
        self, state: SystemState, recorder: Recorder, on_complete: Callable[[Source, int, int, int], None] | None = None
    ) -> None:
        self.state = state
        self.now_ns = 0
        # Each handler goes with its own subject, as `_push` sees to: a request stream, a visit or a call.
        self._events: list[tuple[int, int, Callable[[Any], None], Source | Visit | Call]] = []
        self._order = 0
        self._recorder = recorder
        self._span = recorder.span
        self._entry = state.entry_edge
        self._edges_count = len(state.edges)
        self._on_complete = on_complete

    def advance(self, until_ns: int) -> None:
        """Runs every request event before `until_ns`; the state does not change meanwhile."""
        events = self._events
        while events and events[0][0] < until_ns:
            now, _, handle, subject = heappop(events)
            self.now_ns = now
            handle(subject)
        self.now_ns = until_ns

    def open(self, source: Source) -> None:
        """Starts a stream of arrivals; each arrival schedules the next."""
        source.active = True
        source.position = 0
        if source.times_ns:
            self._push(source.times_ns[0], self._arrive_root, source)

    def submit(self, source: Source, n: int, now_ns: int, component: ComponentState) -> None:
        """Starts one request of a job at the job's own component."""
        self._push(now_ns, self._continue, Visit(source, n, component, None, 0, now_ns))

    def release(self, component: ComponentState) -> None:
        """Lets go what a component held while paused."""
        held, component.held = component.held, []
        for call in held:
            self._push(self.now_ns, self._arrive, call)

    def end_process(self, component: ComponentState) -> None:
        """Breaks every connection of a component now, as where its process is killed.

        Callers of what it was working on, or held, see a reset; what it had called comes to nothing. Answers that were
        on their way arrive.
        """
        kept, broken, now = [], dict.fromkeys(component.held), self.now_ns
        for event in self._events:
            subject = event[3]
            visit = subject.visit if isinstance(subject, Call) else subject
            if isinstance(visit, Visit) and visit.component is component:
                if visit.call is not None:
                    broken[visit.call] = None
                if isinstance(subject, Call):  # it may still arrive where it was going
                    subject.done = True
                    kept += [event] if event[2] == self._arrive else []
            elif isinstance(subject, Call) and event[2] == self._reply and _is_due(subject, component, event[0] - now):
                broken[subject] = None
            else:
                kept.append(event)
        heapify(kept)
        self._events[:] = kept
        component.held = []
        component.free_ns = [now] * component.workers
        self._recorder.forget_unfinished([e.index for e in self.state.edges_into(component.name)], now)
        for call in broken:
            call.status = RESET
            self._answer(call, now + call.draws[2][call.visit.n])

    def _push(self, time_ns: int, handle: Callable[[Subject], None], subject: Subject) -> None:
        self._order += 1
        heappush(self._events, (time_ns, self._order, handle, subject))

    def _arrive_root(self, source: Source) -> None:
        if not source.active:
            return
        n = source.position
        source.position = following = n + 1
        if following < source.count:
            self._push(source.times_ns[following], self._arrive_root, source)
        entry = self._entry
        self._start(Visit(source, n, entry.caller, None, 0, self.now_ns), entry, 0)

    def _start(self, visit: Visit, edge: Edge, attempt: int) -> None:
        now = self.now_ns
        path = visit.base * ATTEMPTS_MAX + attempt
        source = visit.source
        draws = source.drawn.get((edge.index, path)) or source.draw(edge, path)
        call = Call(visit, edge, attempt, path, draws, now)
        delay = draws[1][visit.n]
        if edge.link.faulty:
            delay = self._impair(call, delay)
        if delay >= 0:
            self._order = order = self._order + 1
            heappush(self._events, (now + delay, order, self._arrive, call))
        # A component that calls no other knows on arrival when it will have answered; the others are waited for.
        if not 0 <= delay < edge.timeout_ns or edge.callee.steps:
            self._watch(call)

    def _watch(self, call: Call) -> None:
        """Lets the caller give up when its time is over."""
        if not call.watched:
            call.watched = True
            self._push(call.deadline_ns, self._timed_out, call)

    def _answer(self, call: Call, at_ns: int) -> None:
        """Schedules the answer; where it comes too late only the caller's timeout."""
        if at_ns < call.deadline_ns:
            self._order = order = self._order + 1
            heappush(self._events, (at_ns, order, self._reply, call))
        else:
            self._watch(call)

    def _impair(self, call: Call, delay: int) -> int:
        """Passage time of a request over a faulty link; -1 when it never arrives."""
        link, visit, edge, path = call.edge.link, call.visit, call.edge, call.path
        draw = visit.source.uniform
        cut = link.cut
        if cut and cut.direction != "response" and draw("cut", edge, path)[visit.n] < cut.fraction:
            return -1
        if link.reset and draw("reset", edge, path)[visit.n] < link.reset.fraction:
            call.status = RESET
            self._push(self.now_ns + delay, self._reply, call)
            return -1
        if link.delay and draw("delay", edge, path)[visit.n] < link.delay.fraction:
            jitter = visit.source.normal("jitter", edge, path)[visit.n] * link.delay.jitter_s
            delay += to_ns(max(0.0, link.delay.latency_s + jitter))
        if link.drop and draw("drop", edge, path)[visit.n] < link.drop.fraction:
            delay += RETRANSMISSION_TIMEOUT_NS
        if link.throttle:
            size = link.spec.request_bytes + link.spec.response_bytes
            link.free_at_ns = max(link.free_at_ns, self.now_ns) + to_ns(size / link.throttle.bytes_per_s)
            delay += link.free_at_ns - self.now_ns
        return delay

    def _arrive(self, call: Call) -> None:
        edge = call.edge
        component = edge.callee
        now = self.now_ns
        visit = call.visit
        n = visit.n
        service, _, back, noise = call.draws
        if component.stopped:
            call.status = REFUSED
            self._answer(call, now + back[n])
            return
        if component.holds:
            component.held.append(call)
            self._watch(call)
            return
        free = component.free_ns
        start = free[0]
        if start < now:
            start = now
        elif start - now > component.max_wait_ns:
            call.status = REFUSED
            self._answer(call, now + back[n])
            return
        work = service[n] + edge.extra_ns
        if component.stretch != 1.0:
            stretched = int(work * component.stretch)
            component.throttled_ns += int(stretched * (1.0 - component.cpu_share))
            work = stretched
        end = start + work
        heapreplace(free, end)
        component.busy_ns += work
        if component.steps:
            self._order = order = self._order + 1
            base = call.path * self._edges_count + edge.index + 1
            own = Visit(visit.source, n, component, call, base, now)
            heappush(self._events, (end, order, self._continue if n not in noise else self._fail, own))
            return
        status = OK
        if n in noise:
            status = ERROR
        elif edge.operation is not None:
            visit.is_waiting = not call.done
            status = edge.operation(visit, now)
        self._span(visit.source.base + n, now, end, call.path, edge.index, status, SERVER)
        call.status = status
        self._answer(call, end + back[n])

    def _fail(self, visit: Visit) -> None:
        self._finish(visit, ERROR)

    def _continue(self, visit: Visit) -> None:
        """Goes on with a call plan until it waits for a call or is through."""
        steps = visit.component.steps
        i = visit.step
        while i < len(steps):
            step = steps[i]
            failed = visit.failed
            if (step.unless_mask and not failed & step.unless_mask) or failed & step.after_mask:
                i += 1
                continue
            if step.is_call:
                visit.step = i
                self._start(visit, step, 0)
                return
            status = step.operation(visit, self.now_ns)
            if status != OK:
                visit.failed |= step.bit
                if status != MISS and not step.continues:
                    self._finish(visit, status)
                    return
            i += 1
        self._finish(visit, OK)

    def _finish(self, visit: Visit, status: int) -> None:
        call = visit.call
        now = self.now_ns
        source, n = visit.source, visit.n
        if call is None:
            if source.records_root:
                self._span(source.base + n, visit.start_ns, now, 0, -1 - visit.component.index, status, SERVER)
            if self._on_complete is not None:
                self._on_complete(source, n, now, status)
            return
        self._span(source.base + n, visit.start_ns, now, call.path, call.edge.index, status, SERVER)
        call.status = status
        self._answer(call, now + call.draws[2][n])

    def _reply(self, call: Call) -> None:
        if call.done:
            return
        link = call.edge.link
        if link.faulty and link.cut and link.cut.direction != "request":
            visit = call.visit
            if visit.source.uniform("cut", call.edge, call.path)[visit.n] < link.cut.fraction:
                self._watch(call)
                return
        self._settle(call, call.status)

    def _timed_out(self, call: Call) -> None:
        if not call.done:
            self._settle(call, TIMEOUT)

    def _settle(self, call: Call, status: int) -> None:
        """The caller learns how its attempt ended: it retries, falls back, fails or goes on."""
        call.done = True
        edge, visit = call.edge, call.visit
        number = visit.source.base + visit.n
        failed = status > MISS
        if failed and call.attempt < edge.retries:
            self._span(number, call.start_ns, self.now_ns, call.path, edge.index, status, CLIENT)
            if edge.backoff_ns:
                self._push(self.now_ns + edge.backoff_ns * 2**call.attempt, self._retry, call)
            else:
                self._start(visit, edge, call.attempt + 1)
            return
        self._span(number, call.start_ns, self.now_ns, call.path, edge.index, status, CLIENT_FINAL)
        if status != OK:
            visit.failed |= edge.bit
            if failed and not edge.continues:
                self._finish(visit, DEPENDENCY if visit.call is not None else status)
                return
        visit.step += 1
        self._continue(visit)

    def _retry(self, call: Call) -> None:
        self._start(call.visit, call.edge, call.attempt + 1)


def _is_due(call: Call, component: ComponentState, in_ns: int) -> bool:
    """Whether a component still works on a call that is answered in this time; else the answer is on its way."""
    return call.edge.callee is component and in_ns > call.draws[2][call.visit.n]
