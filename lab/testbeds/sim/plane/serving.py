"""Calls from their callees' side: they arrive, wait for a worker, are worked on, go through a call plan and end."""

from __future__ import annotations

from lab.compiled import high32, kernel, low32, unsigned
from lab.draws import word
from lab.recording.status import ERROR, MISS, OK, REFUSED
from lab.testbeds.sim.plane.calls import answer, side, watch_timeout
from lab.testbeds.sim.plane.frames import give
from lab.testbeds.sim.plane.heap import later
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.operations import perform
from lab.testbeds.sim.plane.samplers import draw


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
    """The time (ns) that a component works on a call itself."""
    mean = t.edge_f[e, EF_MEAN]
    work = t.edge[e, E_EXTRA]
    if mean > 0.0:
        work += int(draw(t, t.edge[e, E_SAMPLER], uniform) * mean + 0.5)
    if t.component[c, C_STRETCHED]:
        stretched = work * t.component_f[c, CF_STRETCH]
        work = int(stretched) if stretched < LONGEST else LONGEST
        throttled = int(work * (1.0 - t.component_f[c, CF_CPU_SHARE]))
        t.component[c, C_THROTTLED] = min(t.component[c, C_THROTTLED] + throttled, FAR)
    return work


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
    """A call arrives. Returns the next action: NEXT, REPLY, or OPERATE of what a leaf does."""
    frame, component = t.frame, t.component
    e = frame[f, F_EDGE]
    c = t.edge[e, E_CALLEE]
    frame[f, F_ARRIVED] = now
    if component[c, C_HELD] and component[c, C_STOPPED] == 0:
        hold(t, f, c)
        watch_timeout(t, f)
        return NEXT
    begin = max(t.free[component[c, C_FIRST_FREE]], now)
    if component[c, C_STOPPED] or begin - now > component[c, C_MAX_WAIT]:
        frame[f, F_STATUS] = REFUSED
        return answer(t, f, now, now)
    bits = word(unsigned(frame[f, F_KEY]), U_WORK)
    work = own_work(t, e, c, high32(bits))
    fails = low32(bits) < component[c, C_NOISE]
    end = begin + work
    occupy(t, c, end)
    component[c, C_BUSY] = min(component[c, C_BUSY] + work, FAR)
    if t.edge[e, E_LEAF] == 0:
        frame[f, F_STEP] = component[c, C_FIRST_STEP]
        later(t, end, EVENT_FAIL if fails else EVENT_CONTINUE, f)
        return NEXT
    frame[f, F_ARRIVED] = end
    if t.edge[e, E_OPERATION] >= 0 and not fails:
        return OPERATE
    return end_leaf(t, f, ERROR if fails else OK, now)


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
        if unless | after == 0 or is_wanted(unless, after, t.frame[f, F_FAILED]):
            t.frame[f, F_STEP] = s
            return START if step[s, S_IS_CALL] else OPERATE, step[s, S_INDEX]
        s = step[s, S_NEXT]
    return FINISH, 0


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
    if e >= 0 and t.edge[e, E_LEAF]:
        return end_leaf(t, f, status, now), status
    s = frame[f, F_STEP]
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
        return NEXT
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
        done[row, D_WRITTEN] = pay[f, P_WRITTEN]
    else:
        done[row, D_FLAGS] = 0
        done[row, D_KEY] = -1
        done[row, D_EPOCH] = -1
        done[row, D_WRITTEN] = -1
    if t.source[frame[f, F_ATTEMPT], O_RECORDS_ROOT]:
        codes = (frame[f, F_EDGE] & EDGE_MASK) | (status << STATUS_SHIFT) | (SIDE_SERVER << SIDE_SHIFT)
        side(t, f, frame[f, F_START], now, codes)
