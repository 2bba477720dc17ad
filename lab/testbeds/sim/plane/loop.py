"""The request plane's loop: takes the next event, does what follows from it, and can stop between any two actions."""

from __future__ import annotations

from lab.compiled import Kernel, kernel, load
from lab.recording.status import ERROR, OK, TIMEOUT
from lab.testbeds.sim.plane.calls import answered, replied, rung, settle, start, wait_for_retry, watch_timeout
from lab.testbeds.sim.plane.frames import give, give_unless_kept, take
from lab.testbeds.sim.plane.heap import close, put
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.serving import arrive, end_request, finish, operate, proceed
from lab.testbeds.sim.plane.sources import come, has_arrivals


@kernel
def what_is_full(t: Tables, spans: int, live: int, events: int) -> int:
    """The table that has no room for the next round (SPANS_FULL, …); REACHED for none."""
    if spans >= t.span.shape[0] - 2:
        return SPANS_FULL
    if live >= t.frame.shape[0] - 3:
        return FRAMES_FULL
    return HEAP_FULL if events >= t.heap.shape[0] - 6 else REACHED


@kernel
def asks_the_world(t: Tables, row: int) -> int:
    """Whether an operation is the world's, which has not been asked for it yet."""
    return 1 if t.operation[row, N_CODE] == OP_ASK and t.head[H_OPERATION_STATUS] < 0 else 0


@kernel
def what(order: int, kind: int, slot: int) -> int:
    """An event's second word."""
    return (order << ORDER_SHIFT) | (kind << SLOT_BITS) | slot


@kernel
def happen(t: Tables, event: int, slot: int) -> tuple[int, int, int, int]:
    """An event of a frame happens. Returns the next action, its frame and status, and whether the frame may be over."""
    if event == EVENT_ARRIVE:
        return ARRIVE, slot, OK, 0
    if event == EVENT_REPLY:
        return REPLY, slot, OK, 0
    if event == EVENT_CONTINUE:
        return CONTINUE, slot, OK, 0
    if event == EVENT_FAIL:
        return FINISH, slot, ERROR, 0
    flags = t.frame[slot, F_FLAGS]
    t.frame[slot, F_FLAGS] = flags & ~FLAG_TIMEOUT
    if flags & FLAG_CLIENT:
        return SETTLE, slot, TIMEOUT, 0
    return NEXT, slot, TIMEOUT, 1


@kernel
def wait_for_answer(t: Tables, f: int) -> tuple[int, int, int]:
    """Watches a call's timeout where someone waits and it is not watched yet. Returns an event (-1: none)."""
    if t.frame[f, F_FLAGS] & (FLAG_CLIENT | FLAG_RING | FLAG_TIMEOUT) == FLAG_CLIENT:
        kind = watch_timeout(t, f)
        return kind, t.frame[f, F_DEADLINE], t.frame[f, F_EDGE] if kind == EVENT_RING else f
    return -1, 0, 0


def advance(t: Tables, until: int) -> int:
    """Runs every event before `until` (ns), or to where the driver is needed. Returns which of the two: REACHED, ….

    It may be called again at once: what was under way is in `head`. How often it stops changes nothing. A round takes
    an event, or goes on where the last one ended, and does what follows from it at once, in the order of the actions;
    then it pushes what that leads to: an event, an answer, a timeout.
    """
    head, heap, frame = t.head, t.heap, t.frame
    n, order, spans, count = head[H_HEAP], head[H_ORDER], head[H_SPANS], head[H_EVENTS]
    free, used, live = head[H_FREE], head[H_FRAMES], head[H_LIVE]
    now, action, f, e, attempt = head[H_NOW], head[H_ACTION], head[H_FRAME], head[H_EDGE], head[H_ATTEMPT]
    status, records = head[H_STATUS], head[H_RECORDS]
    is_root_free = 0
    while True:
        code = what_is_full(t, spans, live, n)
        if code != REACHED:
            break
        kind = -1  # the event that this round leads to, at a time, about a slot
        at = 0
        slot = f
        watch = 0  # whether f's caller may have to wait until its timeout
        answer = -1  # when f's callee has answered
        over = 0  # whether f may be needed no more
        if action == NEXT:
            if is_root_free:
                n = close(heap, n)
                is_root_free = 0
            if n == 0 or heap[0, 0] >= until:
                break
            slot = heap[0, 1] & SLOT_MASK
            event = (heap[0, 1] >> SLOT_BITS) & KIND_MASK
            if event == EVENT_SOURCE and has_arrivals(t, slot) == 0:
                head[H_WANTED_SOURCE] = slot
                code = ARRIVALS_WANTED
                break
            now = heap[0, 0]
            is_root_free = 1
            count += 1
            if event < EVENT_RING:
                action, f, status, over = happen(t, event, slot)
            elif event == EVENT_RING:
                f, at = rung(t, slot, now)
                kind = EVENT_RING if at >= 0 else -1
                action = SETTLE if f >= 0 else NEXT
                status = TIMEOUT
            elif event == EVENT_RETRY:
                f, e, attempt = frame[slot, F_PARENT], frame[slot, F_EDGE], frame[slot, F_ATTEMPT]
                free, live = give(frame, slot, free, live)
                action = START if f >= 0 else NEXT
            elif t.source[slot, O_ACTIVE]:
                f, free, used = take(frame, free, used)
                live += 1
                at = come(t, slot, f, now)
                kind = EVENT_SOURCE if at >= 0 else -1
                action = CONTINUE
        if action == REPLY:
            action, status, watch = replied(t, f)
            over = 1 if action == NEXT and watch == 0 else 0
        if action == SETTLE and kind < 0:
            e, attempt, caller = frame[f, F_EDGE], frame[f, F_ATTEMPT] + 1, frame[f, F_PARENT]
            action, status, backoff, spans = settle(t, f, status, now, spans, records)
            free, live = give_unless_kept(frame, f, free, live)
            f = caller
            if backoff > 0:
                slot, free, used = take(frame, free, used)
                live += 1
                wait_for_retry(frame, slot, f, e, attempt)
                kind = EVENT_RETRY
                at = now + backoff
                action = NEXT
        if action == CONTINUE:
            action, e = proceed(t, f)
            attempt = 0
            status = OK
        if kind < 0:
            if action == START:
                slot, free, used = take(frame, free, used)
                live += 1
                kind, at, watch = start(t, slot, f, e, attempt, now)
                f = slot
                action = NEXT
                if kind == EVENT_ARRIVE and at == now:
                    action = ARRIVE
            elif action == OPERATE:
                if head[H_SERVED] >= t.served.shape[0]:
                    code = BLOCK_FULL
                    break
                if asks_the_world(t, e):
                    head[H_WANTED_OPERATION] = e
                    code = WORLD_WANTED
                    break
                action, status, answer, spans = operate(t, f, e, now, spans, records)
            elif action == FINISH:
                if frame[f, F_EDGE] >= 0:
                    spans = finish(t, f, status, now, spans, records)
                    answer = now
                elif head[H_DONE] >= t.done.shape[0]:
                    code = BLOCK_FULL
                    break
                else:
                    spans = end_request(t, f, status, now, spans, records)
                    over = 1
                action = NEXT
            if action == ARRIVE:
                kind, at, answer, is_held, spans = arrive(t, f, now, spans, records)
                slot = f
                watch |= is_held
                action = NEXT
                if kind == OPERATES:
                    kind = -1
                    e = t.edge[frame[f, F_EDGE], E_OPERATION]
                    action = OPERATE
        if kind >= 0:
            order += 1
            n = put(heap, n, is_root_free, at, what(order, kind, slot))
            is_root_free = 0
        if answer >= 0:
            at, is_late = answered(t, f, answer)
            if at > now:
                order += 1
                n = put(heap, n, is_root_free, at, what(order, EVENT_REPLY, f))
                is_root_free = 0
            elif at >= 0:
                action = REPLY
            else:
                over = 1 - is_late
            watch |= is_late
        if watch:
            kind, at, slot = wait_for_answer(t, f)
            if kind >= 0:
                order += 1
                n = put(heap, n, is_root_free, at, what(order, kind, slot))
                is_root_free = 0
        if over:
            free, live = give_unless_kept(frame, f, free, live)
    if is_root_free:
        n = close(heap, n)
    head[H_HEAP], head[H_ORDER], head[H_SPANS], head[H_EVENTS] = n, order, spans, count
    head[H_FREE], head[H_FRAMES], head[H_LIVE] = free, used, live
    head[H_ACTION], head[H_FRAME], head[H_EDGE], head[H_ATTEMPT], head[H_STATUS] = action, f, e, attempt, status
    head[H_NOW] = now if code != REACHED else until
    return code


def load_plane() -> Kernel:
    """The request plane, compiled where that is possible."""
    return load(advance, KINDS, "the request plane")
