"""Calls from their callees' side: they arrive, wait for a worker, are worked on, go through a call plan and end."""

from __future__ import annotations

from lab.compiled import apart, high32, kernel, low32, unsigned
from lab.content.operations import NO_VALUE
from lab.draws import word
from lab.recording.status import ERROR, EXHAUSTED, MISS, OK, REFUSED
from lab.testbeds.sim.plane.calls import answer, hand_over_more, side, watch_timeout
from lab.testbeds.sim.plane.frames import give
from lab.testbeds.sim.plane.heap import later
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.operations import perform
from lab.testbeds.sim.plane.pools import HAS, REJECTED, WAITS, come_to, leave, look
from lab.testbeds.sim.plane.samplers import draw
from lab.testbeds.sim.plane.sources import carry_nothing_more


@kernel
def hold(t: Tables, f: int, c: int) -> None:
    """Keeps a call that has arrived at a component which handles none now."""
    frame, component = t.frame, t.component
    frame[f, F_NEXT] = -1
    if component[c, C_QUEUE_LENGTH] > 0:
        frame[component[c, C_QUEUE_TAIL], F_NEXT] = f
    else:
        component[c, C_QUEUE_HEAD] = f
    component[c, C_QUEUE_TAIL] = f
    component[c, C_QUEUE_LENGTH] += 1


@kernel
def own_work(t: Tables, e: int, c: int, uniform: int) -> int:
    """The time (ns) that a component's worker has a call of its own accord: work, which is counted, and E_EXTRA."""
    mean = t.edge_f[e, EF_MEAN]
    work = 0
    if mean > 0.0:
        work = int(min(draw(t, t.edge[e, E_SAMPLER], uniform) * mean, LONGEST_DRAWN) + 0.5)
    if t.component[c, C_STRETCHED]:
        stretched = work * t.component_f[c, CF_STRETCH]
        work = int(stretched) if stretched < LONGEST else LONGEST
        throttled = int(work * (1.0 - t.component_f[c, CF_CPU_SHARE]))
        t.component[c, C_THROTTLED] = min(t.component[c, C_THROTTLED] + throttled, FAR)
    t.component[c, C_BUSY] = min(t.component[c, C_BUSY] + work, FAR)
    return min(work + t.edge[e, E_EXTRA], LONGEST)


@kernel
def occupy(t: Tables, c: int, end: int) -> None:
    """Gives a component's first free worker work until a time: the root of its heap (Kiefer and Wolfowitz 1955)."""
    free = t.free
    root = t.component[c, C_FIRST_FREE]
    n = t.component[c, C_WORKERS]
    i = 0
    child = 1
    while child < n:
        if child + 1 < n and free[root + child + 1] < free[root + child]:
            child += 1
        if free[root + child] >= end:
            break
        free[root + i] = free[root + child]
        i = child
        child = 2 * i + 1
    free[root + i] = end


@kernel
def arrive(t: Tables, f: int, now: int) -> int:
    """A call arrives. Returns the next action: NEXT, REPLY, ANSWER, OPERATE of what a leaf does, or as `wait`."""
    frame, component = t.frame, t.component
    e = frame[f, F_EDGE]
    c = t.edge[e, E_CALLEE]
    frame[f, F_ARRIVED] = now
    if component[c, C_HELD] and component[c, C_STOPPED] == 0:
        return wait(t, f, c, now)
    begin = max(t.free[component[c, C_FIRST_FREE]], now)
    if component[c, C_STOPPED] or begin - now > component[c, C_MAX_WAIT]:
        frame[f, F_STATUS] = REFUSED
        return ANSWER
    bits = word(unsigned(frame[f, F_KEY]), U_WORK)
    work = own_work(t, e, c, high32(bits))
    fails = low32(bits) < component[c, C_NOISE]
    end = begin + work
    occupy(t, c, end)
    if t.edge[e, E_TRAITS] & TRAIT_LEAF == 0:
        frame[f, F_STEP] = component[c, C_FIRST_STEP]
        later(t, end, EVENT_FAIL if fails else EVENT_CONTINUE, f)
        return NEXT
    frame[f, F_ARRIVED] = end
    if t.edge[e, E_OPERATION] >= 0 and not fails:
        return OPERATE
    return end_leaf(t, f, ERROR if fails else OK, now)


@apart
def wait(t: Tables, f: int, c: int, now: int) -> int:
    """A call arrives where it may have to wait for its turn. Returns the next action: NEXT, WORK, ANSWER."""
    p = t.component[c, C_POOL]
    if p < 0:
        hold(t, f, c)
        watch_timeout(t, f)
        return NEXT
    found = come_to(t, p, f, now)
    if found == REJECTED:
        t.frame[f, F_STATUS] = REFUSED
        return ANSWER
    return WORK if found == HAS else NEXT


@apart
def turn(t: Tables, p: int, now: int) -> tuple[int, int, int]:
    """Whose turn it is at a pool, if anybody's. Returns the next action, its frame and status."""
    found, f = look(t, p, now)
    if found == WAITS:
        return NEXT, f, OK
    if t.pool[p, R_OWNER] >= 0:
        t.frame[f, F_STATUS] = OK if found == HAS else REFUSED
        return WORK if found == HAS else ANSWER, f, OK
    if found == REJECTED:
        return SETTLE, f, EXHAUSTED
    return SEND, f, OK


@kernel
def work_on(t: Tables, f: int, now: int) -> None:
    """A worker of a component's pool begins its own work on a call."""
    frame, component = t.frame, t.component
    e = frame[f, F_EDGE]
    c = t.edge[e, E_CALLEE]
    bits = word(unsigned(frame[f, F_KEY]), U_WORK)
    work = own_work(t, e, c, high32(bits))
    frame[f, F_STATUS] = ERROR if low32(bits) < component[c, C_NOISE] else OK
    frame[f, F_STEP] = component[c, C_FIRST_STEP]
    frame[f, F_FLAGS] |= FLAG_WORKER
    later(t, now + work, EVENT_WORKED, f)


@apart
def worked(t: Tables, f: int, now: int) -> tuple[int, int, int]:
    """A worker of a pool has done its own work on a call. Returns the next action, an operation's row and a status."""
    e = t.frame[f, F_EDGE]
    c = t.edge[e, E_CALLEE]
    if t.pool[t.component[c, C_POOL], R_KEEPS] == 0:
        let_go(t, f, now)
    if t.frame[f, F_STATUS] != OK:
        return FINISH, 0, ERROR
    if t.component[c, C_FIRST_STEP] < 0 and t.edge[e, E_OPERATION] >= 0:
        return OPERATE, t.edge[e, E_OPERATION], OK
    return CONTINUE, 0, OK


@apart
def let_go(t: Tables, f: int, now: int) -> None:
    """The worker of a pool that has a call is free for another."""
    t.frame[f, F_FLAGS] &= ~FLAG_WORKER
    leave(t, t.component[t.edge[t.frame[f, F_EDGE], E_CALLEE], C_POOL], now)


@kernel
def end_leaf(t: Tables, f: int, status: int, now: int) -> int:
    """A component that calls no other took a call, on which it works until F_ARRIVED. Returns the next action."""
    frame = t.frame
    end = frame[f, F_ARRIVED]
    frame[f, F_STATUS] = status
    side(t, f, now, end, server_codes(t, f, status))
    return answer(t, f, end, now)


@kernel
def server_codes(t: Tables, f: int, status: int) -> int:
    """B_CODES of a call's server side."""
    attempt = t.frame[f, F_ATTEMPT] << ATTEMPT_SHIFT
    return t.frame[f, F_EDGE] | attempt | (status << STATUS_SHIFT) | (SIDE_SERVER << SIDE_SHIFT)


@kernel
def proceed(t: Tables, f: int) -> tuple[int, int]:
    """Goes on with a call plan. Returns the next action and, of START, the edge; of OPERATE, the operation's row."""
    step = t.step
    s = t.frame[f, F_STEP]
    while s >= 0:
        unless = step[s, S_UNLESS]
        after = step[s, S_AFTER]
        when = step[s, S_WHEN]
        if unless | after | when == 0 or is_wanted(unless, after, t.frame[f, F_FAILED]):
            if when == 0 or holds(t, f, when - 1):
                t.frame[f, F_STEP] = s
                return START if step[s, S_IS_CALL] else OPERATE, step[s, S_INDEX]
            t.frame[f, F_FAILED] |= step[s, S_BIT]
        s = step[s, S_NEXT]
    return FINISH, 0


@kernel
def holds(t: Tables, f: int, row: int) -> int:
    """Whether a request has a value, and one within the bounds of a row of `when`."""
    if t.frame[f, F_FLAGS] & FLAG_MORE == 0 or t.more[f, M_VALUE] == NO_VALUE:
        return 0
    value = t.more[f, M_VALUE]
    return 1 if t.when[row, W_ABOVE] < value <= t.when[row, W_AT_MOST] else 0


@kernel
def is_wanted(unless: int, after: int, failed: int) -> int:
    """Whether a step is to be done after these did not succeed."""
    return 1 if (unless == 0 or failed & unless) and failed & after == 0 else 0


@kernel
def operate(t: Tables, f: int, row: int, now: int) -> tuple[int, int]:
    """Performs an operation: a leaf's, or a step of own code. Returns the next action and its status."""
    frame = t.frame
    e = frame[f, F_EDGE]
    status = perform(t, row, f, t.edge[e, E_CALLEE] if e >= 0 else -1 - e, now) if row >= 0 else OK
    if e >= 0 and t.edge[e, E_TRAITS] & TRAIT_LEAF:
        return end_leaf(t, f, status, now), status
    s = frame[f, F_STEP]
    if s < 0:
        return FINISH, status
    if status != OK:
        frame[f, F_FAILED] |= t.step[s, S_BIT]
        if status > MISS and t.step[s, S_GOES_ON] == 0:
            return FINISH, status
    frame[f, F_STEP] = t.step[s, S_NEXT]
    return CONTINUE, status


@kernel
def finish(t: Tables, f: int, status: int, now: int) -> int:
    """A component is through with a request: it answers the call, or the request ends. Returns the next action."""
    frame = t.frame
    if frame[f, F_EDGE] < 0:
        end_request(t, f, status, now)
        give(t, f)
        if t.source[frame[f, F_ATTEMPT], O_WATCHED]:
            t.head[H_ENDED_REQUEST], t.head[H_ENDED_STATUS] = frame[f, F_REQUEST], status
            return TELL
        return NEXT
    if frame[f, F_FLAGS] & FLAG_WORKER:
        let_go(t, f, now)
    frame[f, F_STATUS] = status
    side(t, f, frame[f, F_ARRIVED], now, server_codes(t, f, status))
    return answer(t, f, now, now)


@kernel
def end_request(t: Tables, f: int, status: int, now: int) -> None:
    """Counts a request that ends at its root and writes its row of `done`."""
    frame, pay, done, head = t.frame, t.pay, t.done, t.head
    head[H_ROOTS] += 1
    if status > MISS:
        head[H_FAILED] += 1
    row = head[H_DONE]
    head[H_DONE] = row + 1
    done[row, D_REQUEST] = frame[f, F_REQUEST]
    done[row, D_START] = frame[f, F_START]
    done[row, D_END] = now
    done[row, D_STATUS] = status
    if frame[f, F_FLAGS] & FLAG_PAY:
        done[row, D_FLAGS] = pay[f, P_FLAGS]
        done[row, D_KEY] = pay[f, P_KEY]
        done[row, D_EPOCH] = pay[f, P_EPOCH]
        done[row, D_SUBJECT] = pay[f, P_SUBJECT]
        if frame[f, F_FLAGS] & FLAG_MORE:
            hand_over_more(t.more, f, t.done_more, row)
    else:
        done[row, D_FLAGS] = 0
        done[row, D_KEY] = -1
        done[row, D_EPOCH] = -1
        done[row, D_SUBJECT] = -1
        if head[H_MORE]:
            carry_nothing_more(t.done_more, row)
    if t.source[frame[f, F_ATTEMPT], O_RECORDS_ROOT]:
        codes = (frame[f, F_EDGE] & EDGE_MASK) | (status << STATUS_SHIFT) | (SIDE_SERVER << SIDE_SHIFT)
        side(t, f, frame[f, F_START], now, codes)
