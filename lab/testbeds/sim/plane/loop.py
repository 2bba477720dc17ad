"""The request plane's loop: takes the next event, does what follows from it, and can stop between any two actions."""

from __future__ import annotations

from lab.called import Function, load_function
from lab.compiled import Kernel, apart, kernel, load
from lab.content.operations import OP_ASK, SLOTS_MAX
from lab.recording.status import ERROR, EXHAUSTED, OK, TIMEOUT
from lab.testbeds.sim.plane.calls import answer, give_up, reply, rung, send_apart, settle, start
from lab.testbeds.sim.plane.frames import give, take
from lab.testbeds.sim.plane.heap import close, push_noted
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.serving import arrive, finish, operate, proceed, turn, work_on, worked
from lab.testbeds.sim.plane.sources import come, has_arrivals


@kernel
def what_is_full(t: Tables) -> int:
    """The table that has no room for the next round (SPANS_FULL, …); REACHED for none."""
    head = t.head
    if head[H_SPANS] >= t.span.shape[0] - 2:
        return SPANS_FULL
    if head[H_LIVE] >= t.frame.shape[0] - 3:
        return FRAMES_FULL
    return HEAP_FULL if head[H_HEAP] >= t.heap.shape[0] - 8 else REACHED


@kernel
def what_keeps(t: Tables, row: int) -> int:
    """Why an operation cannot be performed yet: BLOCK_FULL, WORLD_WANTED; REACHED where it can."""
    head = t.head
    if head[H_SERVED] > t.served.shape[0] - SLOTS_MAX:
        return BLOCK_FULL
    if row >= 0 and t.operation[row, N_CODE] == OP_ASK and head[H_OPERATION_STATUS] < 0:
        head[H_WANTED_OPERATION] = row
        return WORLD_WANTED
    return REACHED


@kernel
def happen(t: Tables, kind: int, slot: int, now: int) -> tuple[int, int, int, int, int]:
    """An event happens. Returns the next action, its frame, edge, attempt and status."""
    if kind < EVENT_TIMEOUT:
        return kind, slot, 0, 0, ERROR if kind == EVENT_FAIL else OK
    if kind == EVENT_TIMEOUT:
        return give_up(t, slot), slot, 0, 0, TIMEOUT
    if kind == EVENT_RING:
        f = rung(t, slot, now)
        return SETTLE if f >= 0 else NEXT, f, 0, 0, TIMEOUT
    if kind == EVENT_RETRY:
        caller, e, attempt = t.frame[slot, F_PARENT], t.frame[slot, F_EDGE], t.frame[slot, F_ATTEMPT]
        give(t, slot)
        return START if caller >= 0 else NEXT, caller, e, attempt, OK
    if kind == EVENT_SOURCE:
        if t.source[slot, O_ACTIVE]:
            return CONTINUE, come(t, slot, now), 0, 0, OK
        return NEXT, -1, 0, 0, OK
    if kind == EVENT_WORKED:
        action, row, status = worked(t, slot, now)
        return action, slot, row, 0, status
    action, f, status = turn(t, slot, now)
    return action, f, 0, 0, status


@apart
def do_apart(t: Tables, action: int, f: int, now: int) -> int:
    """What only some calls need: SEND, WORK or ANSWER. Returns the next action; CONTINUE: of the caller."""
    if action == SEND:
        return send_apart(t, f, now)
    if action == ANSWER:
        return answer(t, f, now, now)
    work_on(t, f, now)
    return NEXT


def advance(t: Tables, until: int) -> int:
    """Runs every event before `until` (ns), or to where the driver is needed. Returns which of the two: REACHED, ….

    It may be called again at once: what was under way is in `head`. How often it stops changes nothing. A round takes
    an event, or goes on where the last one ended, and does what follows at once, in the order of the actions.
    """
    head, heap, frame = t.head, t.heap, t.frame
    now, action, f, e, attempt = head[H_NOW], head[H_ACTION], head[H_FRAME], head[H_EDGE], head[H_ATTEMPT]
    status = head[H_STATUS]
    while True:
        code = what_is_full(t)
        if code != REACHED:
            break
        if action == NEXT:
            close(t)
            if head[H_HEAP] == 0 or heap[0, 0] >= until:
                break
            slot, kind = heap[0, 1] & SLOT_MASK, (heap[0, 1] >> SLOT_BITS) & KIND_MASK
            if kind == EVENT_SOURCE and has_arrivals(t, slot) == 0:
                head[H_WANTED_SOURCE] = slot
                code = ARRIVALS_WANTED
                break
            now = heap[0, 0]
            head[H_ROOT_FREE] = 1
            head[H_EVENTS] += 1
            action, f, e, attempt, status = happen(t, kind, slot, now)
        elif action == OPERATE:
            code = what_keeps(t, e)
            if code != REACHED:
                break
            action, status = operate(t, f, e, now)
        if action == REPLY:
            action, status = reply(t, f), frame[f, F_STATUS]
        if action == SETTLE:
            caller, e, attempt = frame[f, F_PARENT], frame[f, F_EDGE], frame[f, F_ATTEMPT] + 1
            action, status = settle(t, f, status, now)
            f = caller
        if action == CONTINUE:
            action, e = proceed(t, f)
            attempt, status = 0, OK
        if action == START:
            caller, f = f, take(t)
            action, status = start(t, f, caller, e, attempt, now), EXHAUSTED
        elif action == FINISH:
            if frame[f, F_EDGE] < 0 and head[H_DONE] >= t.done.shape[0]:
                code = BLOCK_FULL
            else:
                action = finish(t, f, status, now)
        if action == ARRIVE:
            action = arrive(t, f, now)
            if action == OPERATE:
                e = t.edge[frame[f, F_EDGE], E_OPERATION]
        if action >= SEND:
            if action == TELL:
                code, action = RUN_ENDED, NEXT
            else:
                action = do_apart(t, action, f, now)
            if action == CONTINUE:
                f = frame[f, F_PARENT]
        push_noted(t)
        if code != REACHED:
            break
    close(t)
    head[H_ACTION], head[H_FRAME], head[H_EDGE], head[H_ATTEMPT], head[H_STATUS] = action, f, e, attempt, status
    head[H_NOW] = now if code != REACHED else until
    return code


def load_plane(decide: Function | None = None) -> Kernel:
    """The request plane, compiled where that is possible, for a world whose own kernel this is."""
    if decide is not None:
        load_function(decide)
    return load(advance, KINDS, "the request plane")
