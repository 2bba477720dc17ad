"""Pools: workers or connections of which so many are used at a time, and the queue of those who wait for one."""

from __future__ import annotations

from lab.compiled import apart, kernel
from lab.testbeds.sim.plane.heap import later
from lab.testbeds.sim.plane.layout import *

REJECTED, WAITS, HAS = range(3)
"""What becomes of a call at a pool."""


@kernel
def come_to(t: Tables, p: int, f: int, now: int) -> int:
    """The call of frame f comes to a pool: REJECTED, WAITS or HAS one. While nobody may begin, all wait."""
    pool = t.pool
    unused = pool[p, R_SIZE] - pool[p, R_IN_USE]
    t.frame[f, F_ARRIVED] = now
    if pool[p, R_HELD] == 0:
        if unused > 0 and pool[p, R_LENGTH] == 0:
            use(t, p, 0)
            return HAS
        # Of who is in the queue some may only wait for their turn in this very instant.
        if pool[p, R_LENGTH] - max(unused, 0) >= pool[p, R_LIMIT]:
            pool[p, R_SHED] += 1
            return REJECTED
        look_later(t, p, now + pool[p, R_MAX_WAIT])
    t.frame[f, F_NEXT] = -1
    if pool[p, R_LENGTH] > 0:
        t.frame[pool[p, R_TAIL], F_NEXT] = f
    else:
        pool[p, R_HEAD] = f
    pool[p, R_TAIL] = f
    pool[p, R_LENGTH] += 1
    return WAITS


@kernel
def use(t: Tables, p: int, waited: int) -> None:
    """One more of a pool is used, by who waited so long (ns)."""
    pool = t.pool
    pool[p, R_IN_USE] += 1
    pool[p, R_TAKEN] += 1
    pool[p, R_WAITED] = min(pool[p, R_WAITED] + waited, FAR)


@apart
def leave(t: Tables, p: int, now: int) -> None:
    """One of a pool is used no more; who waits may begin."""
    t.pool[p, R_IN_USE] -= 1
    if t.pool[p, R_LENGTH] > 0:
        look_later(t, p, now)


@kernel
def look_later(t: Tables, p: int, when: int) -> None:
    """Has a pool looked at by this time."""
    if when < t.pool[p, R_LOOK_AT]:
        t.pool[p, R_LOOK_AT] = when
        later(t, when, EVENT_LOOK, p)


@kernel
def look(t: Tables, p: int, now: int) -> tuple[int, int]:
    """Looks at the first who waits for a pool: WAITS, HAS or REJECTED, who has waited too long; and its frame."""
    pool = t.pool
    if pool[p, R_LOOK_AT] != now:  # it was looked at since
        return WAITS, -1
    pool[p, R_LOOK_AT] = FAR
    if pool[p, R_LENGTH] == 0 or pool[p, R_HELD]:
        return WAITS, -1
    f = pool[p, R_HEAD]
    waited = now - t.frame[f, F_ARRIVED]
    found = WAITS
    if pool[p, R_IN_USE] < pool[p, R_SIZE]:
        found = HAS
        use(t, p, waited)
    elif waited >= pool[p, R_MAX_WAIT]:
        found = REJECTED
        pool[p, R_EXPIRED] += 1
    if found != WAITS:
        pool[p, R_HEAD] = t.frame[f, F_NEXT]
        pool[p, R_LENGTH] -= 1
    look_at_next(t, p, now)
    return found, f


@kernel
def look_at_next(t: Tables, p: int, now: int) -> None:
    """Has a pool looked at again: at once where the next one may begin, else when it has waited long enough."""
    pool = t.pool
    if pool[p, R_LENGTH] > 0:
        has_more = pool[p, R_IN_USE] < pool[p, R_SIZE]
        since = t.frame[pool[p, R_HEAD], F_ARRIVED]
        look_later(t, p, now if has_more else max(since + pool[p, R_MAX_WAIT], now))
