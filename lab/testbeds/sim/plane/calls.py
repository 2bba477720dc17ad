"""Calls from their callers' side: an attempt starts, is answered or given up, is tried again or settled."""

from __future__ import annotations

from lab.compiled import apart, kernel, signed, unsigned
from lab.draws import call_key
from lab.recording.status import DEPENDENCY, MISS, OK, RESET
from lab.testbeds.sim.plane.frames import keep, take
from lab.testbeds.sim.plane.heap import later
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.links import LOST, RESET_AT_ONCE, impaired, is_answer_lost, passage
from lab.testbeds.sim.plane.pools import HAS, REJECTED, come_to, leave


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


@apart
def hand_over_more(givers: Array, giver: int, takers: Array, taker: int) -> None:
    """Copies what a request carries beside."""
    for i in range(MORE_WORDS):
        takers[taker, i] = givers[giver, i]


@kernel
def start(t: Tables, f: int, caller: int, e: int, attempt: int, now: int) -> int:
    """Starts an attempt over an edge in frame f. Returns the next action: as `send`, or as `acquire`."""
    frame, edge = t.frame, t.edge
    key = call_key(unsigned(frame[caller, F_KEY]), unsigned(edge[e, E_KEY]), attempt)
    flags = FLAG_CLIENT
    if frame[caller, F_FLAGS] & FLAG_PAY:
        flags |= frame[caller, F_FLAGS] & (FLAG_PAY | FLAG_MORE)
        hand_over(t.pay, caller, f)
        if flags & FLAG_MORE:
            hand_over_more(t.more, caller, t.more, f)
    frame[f, F_REQUEST] = frame[caller, F_REQUEST]
    frame[f, F_KEY] = signed(key)
    frame[f, F_PARENT] = caller
    frame[f, F_EDGE] = e
    frame[f, F_ATTEMPT] = attempt
    frame[f, F_FAILED] = 0
    frame[f, F_STATUS] = OK
    frame[f, F_PARENT_KEY] = frame[caller, F_KEY]
    if edge[e, E_TRAITS] > TRAIT_LEAF:
        return start_apart(t, f, e, flags, now)
    return send(t, f, e, key, flags, now)


@apart
def start_apart(t: Tables, f: int, e: int, flags: int, now: int) -> int:
    """Starts what needs a connection, or is not waited for. Returns the next action: as `acquire`, or SEND."""
    t.frame[f, F_START] = now
    t.frame[f, F_FLAGS] = flags
    return acquire(t, f, e, now) if connections(t, e) >= 0 else SEND


@kernel
def connections(t: Tables, e: int) -> int:
    """The row of `pool` of an edge's connections; -1: it has none."""
    return (t.edge[e, E_TRAITS] >> TRAIT_POOL_SHIFT) - 1


@kernel
def acquire(t: Tables, f: int, e: int, now: int) -> int:
    """An attempt needs a connection. Returns the next action: SEND, NEXT while it waits, SETTLE where too many do."""
    found = come_to(t, connections(t, e), f, now)
    if found == HAS:
        return SEND
    return SETTLE if found == REJECTED else NEXT


@kernel
def send(t: Tables, f: int, e: int, key: int, flags: int, now: int) -> int:
    """Sends an attempt's request, whose frame has these flags. Returns the next action: ARRIVE or NEXT.

    Its timeout is watched where it may come: a component that calls no other knows on arrival when it will have
    answered; the others are waited for.
    """
    frame, edge = t.frame, t.edge
    patience = edge[e, E_TIMEOUT]
    flags |= FLAG_SERVER
    frame[f, F_START] = now
    frame[f, F_DEADLINE] = now + patience
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
    if edge[e, E_TRAITS] & TRAIT_LEAF == 0 or event != EVENT_ARRIVE or delay >= patience:
        watch_timeout(t, f)
    if event == EVENT_ARRIVE and delay == 0:
        return ARRIVE
    if event >= 0:
        later(t, now + delay, event, f)
    return NEXT


@kernel
def send_apart(t: Tables, f: int, now: int) -> int:
    """Sends what has its connection, if it needs one. Returns the next action: as `send`; of a message CONTINUE."""
    frame = t.frame
    e = frame[f, F_EDGE]
    flags = frame[f, F_FLAGS]
    is_message = t.edge[e, E_TRAITS] & TRAIT_MESSAGE
    if is_message:
        flags &= ~FLAG_CLIENT
    elif connections(t, e) >= 0:
        flags |= FLAG_CONNECTION
    action = send(t, f, e, unsigned(frame[f, F_KEY]), flags, now)
    if is_message == 0:
        return action
    if action == ARRIVE:
        later(t, now, EVENT_ARRIVE, f)
    go_on_after(t, f, e, now)
    return CONTINUE


@kernel
def go_on_after(t: Tables, f: int, e: int, now: int) -> None:
    """The sender of a message goes on, whatever becomes of it; a connection was used for an instant."""
    frame = t.frame
    side(t, f, now, now, e | (SIDE_CLIENT_FINAL << SIDE_SHIFT))
    frame[frame[f, F_PARENT], F_STEP] = t.edge[e, E_NEXT]
    if connections(t, e) >= 0:
        leave(t, connections(t, e), now)
    keep(t, f, frame[f, F_FLAGS])  # a link that loses it leaves nothing of it


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
    if flags & (FLAG_RING | FLAG_CONNECTION):
        if flags & FLAG_RING:
            unlink(t, f)
        if flags & FLAG_CONNECTION:
            leave(t, connections(t, e), now)
    failed = status > MISS
    again = failed and attempt < edge[e, E_RETRIES]
    kind = SIDE_CLIENT if again else SIDE_CLIENT_FINAL
    side(t, f, frame[f, F_START], now, e | (attempt << ATTEMPT_SHIFT) | (status << STATUS_SHIFT) | (kind << SIDE_SHIFT))
    if status == OK and flags & FLAG_PAY:
        frame[caller, F_FLAGS] |= FLAG_PAY
        hand_over(t.pay, f, caller)
        if flags & FLAG_MORE:
            hand_over_more(t.more, f, t.more, caller)
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
