"""Calls from their callers' side: an attempt starts, is answered or given up, is tried again or settled."""

from __future__ import annotations

from lab.compiled import kernel, signed, unsigned
from lab.draws import call_key
from lab.recording.status import DEPENDENCY, MISS, OK, RESET
from lab.testbeds.sim.plane.frames import keep, take
from lab.testbeds.sim.plane.heap import later
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.links import LOST, RESET_AT_ONCE, impaired, is_answer_lost, passage


@kernel
def side(t: Tables, f: int, start: int, end: int, codes: int) -> None:
    """Writes a span side of a call, where they are recorded."""
    span, frame, head = t.span, t.frame, t.head
    if head[H_RECORDS]:
        n = head[H_SPANS]
        head[H_SPANS] = n + 1
        span[n, B_REQUEST] = frame[f, F_REQUEST]
        span[n, B_START] = start
        span[n, B_END] = end
        span[n, B_KEY] = frame[f, F_KEY]
        span[n, B_PARENT_KEY] = frame[f, F_PARENT_KEY]
        span[n, B_CODES] = codes


@kernel
def hand_over(pay: Array, giver: int, taker: int) -> None:
    """Copies what a request carries from one frame to another."""
    pay[taker, P_FLAGS] = pay[giver, P_FLAGS]
    pay[taker, P_KEY] = pay[giver, P_KEY]
    pay[taker, P_EPOCH] = pay[giver, P_EPOCH]
    pay[taker, P_WRITTEN] = pay[giver, P_WRITTEN]
    pay[taker, P_SUBJECT] = pay[giver, P_SUBJECT]
    pay[taker, P_ARRIVED] = pay[giver, P_ARRIVED]


@kernel
def start(t: Tables, f: int, caller: int, e: int, attempt: int, now: int) -> int:
    """Starts an attempt over an edge in frame f. Returns the next action: ARRIVE where it takes no time, else NEXT.

    Its timeout is watched where it may come: a component that calls no other knows on arrival when it will have
    answered; the others are waited for.
    """
    frame, edge = t.frame, t.edge
    key = call_key(unsigned(frame[caller, F_KEY]), unsigned(edge[e, E_KEY]), attempt)
    patience = edge[e, E_TIMEOUT]
    flags = FLAG_CLIENT | FLAG_SERVER
    if frame[caller, F_FLAGS] & FLAG_PAY:
        flags |= FLAG_PAY
        hand_over(t.pay, caller, f)
    frame[f, F_REQUEST] = frame[caller, F_REQUEST]
    frame[f, F_KEY] = signed(key)
    frame[f, F_PARENT] = caller
    frame[f, F_EDGE] = e
    frame[f, F_ATTEMPT] = attempt
    frame[f, F_START] = now
    frame[f, F_DEADLINE] = now + patience
    frame[f, F_FAILED] = 0
    frame[f, F_STATUS] = OK
    frame[f, F_PARENT_KEY] = frame[caller, F_KEY]
    link = edge[e, E_LINK]
    delay = passage(t, link, key, 0)
    event = EVENT_ARRIVE
    if t.link[link, L_FAULTY]:
        impeded = impaired(t, link, key, now, delay)
        if impeded == RESET_AT_ONCE:
            frame[f, F_STATUS] = RESET
            event = EVENT_REPLY
        elif impeded == LOST:
            flags &= ~FLAG_SERVER
            event = -1
        else:
            delay = impeded
    frame[f, F_FLAGS] = flags
    if edge[e, E_LEAF] == 0 or event != EVENT_ARRIVE or delay >= patience:
        watch_timeout(t, f)
    if event == EVENT_ARRIVE and delay == 0:
        return ARRIVE
    if event >= 0:
        later(t, now + delay, event, f)
    return NEXT


@kernel
def watch_timeout(t: Tables, f: int) -> None:
    """Lets a caller give up at its deadline, where it waits and that is not provided for yet.

    Deadlines that come in order wait in a ring of their edge, of which only the first has an event.
    """
    frame, edge = t.frame, t.edge
    flags = frame[f, F_FLAGS]
    if flags & (FLAG_CLIENT | FLAG_RING | FLAG_TIMEOUT) != FLAG_CLIENT:
        return
    e = frame[f, F_EDGE]
    deadline = frame[f, F_DEADLINE]
    tail = edge[e, E_RING_TAIL]
    if tail >= 0 and frame[tail, F_DEADLINE] > deadline:
        frame[f, F_FLAGS] = flags | FLAG_TIMEOUT
        later(t, deadline, EVENT_TIMEOUT, f)
        return
    frame[f, F_FLAGS] = flags | FLAG_RING
    frame[f, F_LATER] = -1
    frame[f, F_EARLIER] = tail
    edge[e, E_RING_TAIL] = f
    if tail >= 0:
        frame[tail, F_LATER] = f
    else:
        edge[e, E_RING_HEAD] = f
    if edge[e, E_ARMED] == 0:
        edge[e, E_ARMED] = 1
        later(t, deadline, EVENT_RING, e)


@kernel
def unlink(t: Tables, f: int) -> None:
    """Takes a frame out of its edge's ring of timeouts."""
    frame, edge = t.frame, t.edge
    e = frame[f, F_EDGE]
    earlier = frame[f, F_EARLIER]
    following = frame[f, F_LATER]
    if earlier >= 0:
        frame[earlier, F_LATER] = following
    else:
        edge[e, E_RING_HEAD] = following
    if following >= 0:
        frame[following, F_EARLIER] = earlier
    else:
        edge[e, E_RING_TAIL] = earlier


@kernel
def rung(t: Tables, e: int, now: int) -> int:
    """The event of an edge's ring. Returns the frame that has waited long enough; -1: none."""
    frame = t.frame
    first = t.edge[e, E_RING_HEAD]
    due = -1
    following = first
    if first >= 0 and frame[first, F_DEADLINE] <= now:
        due = first
        following = frame[first, F_LATER]
    if following >= 0:
        later(t, frame[following, F_DEADLINE], EVENT_RING, e)
    else:
        t.edge[e, E_ARMED] = 0
    return due


@kernel
def answer(t: Tables, f: int, at: int, now: int) -> int:
    """A callee has answered, at a time. Returns the next action: REPLY where the answer arrives at once, else NEXT."""
    frame = t.frame
    flags = frame[f, F_FLAGS]
    if flags & FLAG_CLIENT == 0:
        keep(t, f, flags & ~FLAG_SERVER)
        return NEXT
    arrives = at + passage(t, t.edge[frame[f, F_EDGE], E_LINK], unsigned(frame[f, F_KEY]), 1)
    if arrives >= frame[f, F_DEADLINE]:
        frame[f, F_FLAGS] = flags & ~FLAG_SERVER
        watch_timeout(t, f)
        return NEXT
    if arrives == now:
        return REPLY
    later(t, arrives, EVENT_REPLY, f)
    return NEXT


@kernel
def reply(t: Tables, f: int) -> int:
    """An answer arrives. Returns the next action: SETTLE, with F_STATUS, or NEXT."""
    flags = t.frame[f, F_FLAGS] & ~FLAG_SERVER
    if flags & FLAG_CLIENT == 0:
        keep(t, f, flags)
        return NEXT
    t.frame[f, F_FLAGS] = flags
    link = t.edge[t.frame[f, F_EDGE], E_LINK]
    if t.link[link, L_FAULTY] and is_answer_lost(t, link, unsigned(t.frame[f, F_KEY])):
        watch_timeout(t, f)
        return NEXT
    return SETTLE


@kernel
def give_up(t: Tables, f: int) -> int:
    """A timeout's own event. Returns the next action: SETTLE or NEXT."""
    flags = t.frame[f, F_FLAGS] & ~FLAG_TIMEOUT
    if flags & FLAG_CLIENT == 0:
        keep(t, f, flags)
        return NEXT
    t.frame[f, F_FLAGS] = flags
    return SETTLE


@kernel
def settle(t: Tables, f: int, status: int, now: int) -> tuple[int, int]:
    """The caller learns how its attempt ended: it retries, falls back, fails or goes on.

    Returns the caller's next action and its status.
    """
    frame, edge = t.frame, t.edge
    e = frame[f, F_EDGE]
    attempt = frame[f, F_ATTEMPT]
    caller = frame[f, F_PARENT]
    flags = frame[f, F_FLAGS]
    if flags & FLAG_RING:
        unlink(t, f)
    failed = status > MISS
    again = failed and attempt < edge[e, E_RETRIES]
    kind = SIDE_CLIENT if again else SIDE_CLIENT_FINAL
    side(t, f, frame[f, F_START], now, e | (attempt << ATTEMPT_SHIFT) | (status << STATUS_SHIFT) | (kind << SIDE_SHIFT))
    if status == OK and flags & FLAG_PAY:
        frame[caller, F_FLAGS] |= FLAG_PAY
        hand_over(t.pay, f, caller)
    keep(t, f, flags & ~(FLAG_RING | FLAG_CLIENT))
    if again:
        if edge[e, E_BACKOFF] == 0:
            return START, status
        wait_for_retry(t, caller, e, attempt + 1, now)
        return NEXT, status
    if status != OK:
        frame[caller, F_FAILED] |= edge[e, E_BIT]
        if failed and edge[e, E_GOES_ON] == 0:
            return FINISH, DEPENDENCY if frame[caller, F_PARENT] >= 0 else status
    frame[caller, F_STEP] = edge[e, E_NEXT]
    return CONTINUE, status


@kernel
def wait_for_retry(t: Tables, caller: int, e: int, attempt: int, now: int) -> None:
    """Makes a frame stand for an attempt that starts when its backoff, which doubles each time, is over."""
    frame = t.frame
    f = take(t)
    frame[f, F_REQUEST] = frame[caller, F_REQUEST]
    frame[f, F_PARENT] = caller
    frame[f, F_EDGE] = e
    frame[f, F_ATTEMPT] = attempt
    frame[f, F_FLAGS] = 0
    later(t, now + (t.edge[e, E_BACKOFF] << (attempt - 1)), EVENT_RETRY, f)
