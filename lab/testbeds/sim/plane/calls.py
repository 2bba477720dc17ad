"""Calls from their callers' side: an attempt starts, is answered or given up, is tried again or settled."""

from __future__ import annotations

from lab.compiled import kernel, signed, unsigned
from lab.draws import call_key
from lab.recording.status import DEPENDENCY, MISS, OK, RESET
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.links import LOST, RESET_AT_ONCE, impaired, is_answer_lost, passage

BACKOFF_DOUBLINGS = 16
"""A backoff is doubled this often at most: a day is then 180 years, and no sum overflows."""


@kernel
def side(t: Tables, n: int, f: int, start: int, end: int, codes: int) -> int:
    """Writes a span side of a call. Returns the number of rows in the block."""
    span, frame = t.span, t.frame
    span[n, B_REQUEST] = frame[f, F_REQUEST]
    span[n, B_START] = start
    span[n, B_END] = end
    span[n, B_KEY] = frame[f, F_KEY]
    span[n, B_PARENT_KEY] = frame[f, F_PARENT_KEY]
    span[n, B_CODES] = codes
    return n + 1


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
def start(t: Tables, f: int, caller: int, e: int, attempt: int, now: int) -> tuple[int, int, int]:
    """Starts an attempt over an edge in frame f.

    Returns the event that it leads to (EVENT_ARRIVE, EVENT_REPLY; -1: none), its time, and whether its timeout is to
    be watched: a component that calls no other knows on arrival when it will have answered; the others are waited for.
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
    frame[f, F_STEP] = 0
    frame[f, F_FAILED] = 0
    frame[f, F_STATUS] = OK
    frame[f, F_PARENT_KEY] = frame[caller, F_KEY]
    link = edge[e, E_LINK]
    delay = passage(t, link, key, 0)
    event = EVENT_ARRIVE
    watch = 1 - edge[e, E_LEAF]
    if t.link[link, L_FAULTY]:
        impeded = impaired(t, link, key, now, delay)
        if impeded == RESET_AT_ONCE:
            frame[f, F_STATUS] = RESET
            event = EVENT_REPLY
            watch = 1
        elif impeded == LOST:
            flags &= ~FLAG_SERVER
            event = -1
            watch = 1
        else:
            delay = impeded
    if delay >= patience:
        watch = 1
    frame[f, F_FLAGS] = flags
    return event, now + delay, watch


@kernel
def watch_timeout(t: Tables, f: int) -> int:
    """Lets a caller give up at its deadline. Returns whether that needs an event: EVENT_RING, EVENT_TIMEOUT, else -1.

    Deadlines that come in order wait in a ring of their edge, of which only the first has an event.
    """
    frame, edge = t.frame, t.edge
    e = frame[f, F_EDGE]
    tail = edge[e, E_RING_TAIL]
    if tail >= 0 and frame[tail, F_DEADLINE] > frame[f, F_DEADLINE]:
        frame[f, F_FLAGS] |= FLAG_TIMEOUT
        return EVENT_TIMEOUT
    frame[f, F_FLAGS] |= FLAG_RING
    frame[f, F_LATER] = -1
    frame[f, F_EARLIER] = tail
    edge[e, E_RING_TAIL] = f
    if tail >= 0:
        frame[tail, F_LATER] = f
    else:
        edge[e, E_RING_HEAD] = f
    if edge[e, E_ARMED]:
        return -1
    edge[e, E_ARMED] = 1
    return EVENT_RING


@kernel
def unlink(t: Tables, f: int) -> None:
    """Takes a frame out of its edge's ring of timeouts."""
    frame, edge = t.frame, t.edge
    e = frame[f, F_EDGE]
    earlier = frame[f, F_EARLIER]
    later = frame[f, F_LATER]
    if earlier >= 0:
        frame[earlier, F_LATER] = later
    else:
        edge[e, E_RING_HEAD] = later
    if later >= 0:
        frame[later, F_EARLIER] = earlier
    else:
        edge[e, E_RING_TAIL] = earlier


@kernel
def rung(t: Tables, e: int, now: int) -> tuple[int, int]:
    """The event of an edge's ring. Returns the frame that has waited long enough (-1: none) and its next time (-1)."""
    frame = t.frame
    first = t.edge[e, E_RING_HEAD]
    due = -1
    following = -1
    if first >= 0:
        following = frame[first, F_DEADLINE]
        if following <= now:
            due = first
            later = frame[first, F_LATER]
            following = frame[later, F_DEADLINE] if later >= 0 else -1
    if following < 0:
        t.edge[e, E_ARMED] = 0
    return due, following


@kernel
def answered(t: Tables, f: int, at: int) -> tuple[int, int]:
    """A callee has answered at a time. Returns when the answer arrives, -1 if no one waits for it until then.

    And whether the caller's timeout is to be watched instead.
    """
    frame = t.frame
    flags = frame[f, F_FLAGS]
    if flags & FLAG_CLIENT == 0:
        frame[f, F_FLAGS] = flags & ~FLAG_SERVER
        return -1, 0
    arrives = at + passage(t, t.edge[frame[f, F_EDGE], E_LINK], unsigned(frame[f, F_KEY]), 1)
    if arrives < frame[f, F_DEADLINE]:
        return arrives, 0
    frame[f, F_FLAGS] = flags & ~FLAG_SERVER
    return -1, 1


@kernel
def replied(t: Tables, f: int) -> tuple[int, int, int]:
    """An answer arrives. Returns the next action, the status, and whether the timeout is to be watched instead."""
    frame = t.frame
    flags = frame[f, F_FLAGS]
    frame[f, F_FLAGS] = flags & ~FLAG_SERVER
    if flags & FLAG_CLIENT == 0:
        return NEXT, OK, 0
    link = t.edge[frame[f, F_EDGE], E_LINK]
    if t.link[link, L_FAULTY] and is_answer_lost(t, link, unsigned(frame[f, F_KEY])):
        return NEXT, OK, 1
    return SETTLE, frame[f, F_STATUS], 0


@kernel
def settle(t: Tables, f: int, status: int, now: int, n: int, records: int) -> tuple[int, int, int, int]:
    """The caller learns how its attempt ended: it retries, falls back, fails or goes on.

    Returns the next action, its status, the backoff before a retry (ns) and the number of rows in the block of sides.
    """
    frame, edge = t.frame, t.edge
    e = frame[f, F_EDGE]
    attempt = frame[f, F_ATTEMPT]
    caller = frame[f, F_PARENT]
    flags = frame[f, F_FLAGS]
    if flags & FLAG_RING:
        unlink(t, f)
    frame[f, F_FLAGS] = flags & ~(FLAG_RING | FLAG_CLIENT)
    failed = status > MISS
    again = failed and attempt < edge[e, E_RETRIES]
    if records:
        kind = SIDE_CLIENT if again else SIDE_CLIENT_FINAL
        codes = e | (attempt << ATTEMPT_SHIFT) | (status << STATUS_SHIFT) | (kind << SIDE_SHIFT)
        n = side(t, n, f, frame[f, F_START], now, codes)
    if again:
        doublings = attempt if attempt < BACKOFF_DOUBLINGS else BACKOFF_DOUBLINGS
        return START, status, edge[e, E_BACKOFF] << doublings, n
    if status == OK:
        if flags & FLAG_PAY:
            frame[caller, F_FLAGS] |= FLAG_PAY
            hand_over(t.pay, f, caller)
    else:
        frame[caller, F_FAILED] |= edge[e, E_BIT]
        if failed and edge[e, E_GOES_ON] == 0:
            return FINISH, DEPENDENCY if frame[caller, F_PARENT] >= 0 else status, 0, n
    frame[caller, F_STEP] += 1
    return CONTINUE, status, 0, n


@kernel
def wait_for_retry(frame: Array, f: int, caller: int, e: int, attempt: int) -> None:
    """Makes a frame stand for an attempt that starts when a backoff is over."""
    frame[f, F_REQUEST] = frame[caller, F_REQUEST]
    frame[f, F_PARENT] = caller
    frame[f, F_EDGE] = e
    frame[f, F_ATTEMPT] = attempt
    frame[f, F_FLAGS] = 0
