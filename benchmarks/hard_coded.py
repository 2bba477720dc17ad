"""The yardstick of the request plane: the chain of `engine_vs_naive.py` as a compiled loop that knows nothing else.

What one writes who has a single system to simulate, and no wish to record it: an event heap, a heap of the times at
which the workers of each component become free, a ring of constant timeouts per call, draws by hashing the request's
number. Components, steps and policies are code, not tables; nothing is refused: no wait comes near the chain's limit.
Compilation is not measured. It was written before the plane, and is not changed to flatter it.

    python benchmarks/hard_coded.py [requests]        prints its CPU a request, and how it agrees with the naive model
"""

from __future__ import annotations

import math
import sys
from statistics import NormalDist, median
from time import process_time
from typing import Any

import numpy as np
from engine_vs_naive import MISS_RATIO, RATE_PER_S, REQUESTS, SIGMA, SLOW, TIERS, Outcome, run_naive
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NS = 1_000_000_000
LONG = 200_000

GATEWAY, FEATURES, DB, MODEL, RULES = range(5)
WORKERS = tuple(TIERS[name].workers for name in ("gateway", "features", "db", "model", "rules"))
MEAN = tuple(TIERS[name].mean_s * NS for name in ("gateway", "features", "db", "model", "rules"))
TIMEOUT = tuple(round(TIERS[name].timeout_s * NS) for name in ("gateway", "features", "db", "model", "rules"))
RETRIES = tuple(TIERS[name].retries for name in ("gateway", "features", "db", "model", "rules"))
SLOW_FROM, SLOW_TO, FACTOR = round(SLOW[0] * NS), round(SLOW[1] * NS), SLOW[2]
MISSES = round(MISS_RATIO * 2.0**32)
GAP_NS = NS / RATE_PER_S

# Events: time in the first word; order, kind and frame in the second, so that ties are first come first served.
ARRIVAL, GATEWAY_DONE, FEATURES_DONE, DB_DONE, DB_TIMEOUT, MODEL_DONE, MODEL_TIMEOUT, RULES_DONE, RULES_TIMEOUT, \
    RING_USERS, RING_FEATURES = range(11)  # fmt: skip
KIND_BITS, SLOT_BITS = 4, 20
SLOT = (1 << SLOT_BITS) - 1
# A frame: a request's visit at the gateway, or an attempt at features.
HASH, DEADLINE, NEXT, BEFORE, PARENT, ATTEMPT, WAITED_FOR, AT_WORK = range(8)
"""WAITED_FOR: the caller still waits. AT_WORK: events of this frame are still to come."""

U = np.uint64
U27, U30, U31, U32, LOW = U(27), U(30), U(31), U(32), U(0xFFFFFFFF)
MUL1, MUL2, GOLD = U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB), U(0x9E3779B97F4A7C15)
P_GAP, P_GATEWAY, P_FEATURES, P_DB, P_MODEL, P_RULES = (
    U((0xD1342543DE82EF95 * (i + 1)) & (2**64 - 1)) for i in range(6)
)
CELLS, FRACTION_BITS = 1024, 22
FRACTION = (1 << FRACTION_BITS) - 1
TAIL = CELLS // 128
"""Cells on each side in which a quantile is computed exactly."""

inlined = njit(forceinline=True, error_model="numpy")
compiled = njit(error_model="numpy")


def tables() -> NDArray[np.float64]:
    """Quantiles at the cells' edges of a lognormal and of an exponential time with the mean 1."""
    edges = [(i - 0.5 / (1 << FRACTION_BITS)) / CELLS for i in range(1, CELLS)]
    quantile = NormalDist().inv_cdf
    lognormal = [math.exp(SIGMA * quantile(p) - SIGMA * SIGMA / 2) for p in edges]
    return np.array([[0.0, *lognormal, 0.0], [0.0, *(-math.log1p(-p) for p in edges), 0.0]])


@inlined
def mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> U30)) * MUL1
    z = (z ^ (z >> U27)) * MUL2
    return z ^ (z >> U31)


@compiled
def normal_tail(p):  # type: ignore[no-untyped-def]
    """The normal quantile below 0.075 or above 0.925, Wichura's AS241."""
    r = math.sqrt(-math.log(min(p, 1.0 - p))) - 1.6
    if r <= 3.4:
        x = (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734) / (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r + 0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0)  # noqa: E501
    else:
        r -= 3.4
        x = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772) / (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r + 0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0)  # noqa: E501
    return -x if p < 0.5 else x


@compiled
def exactly(row, u):  # type: ignore[no-untyped-def]
    p = (u + 0.5) * 2.0**-32
    if row == 1:
        return -math.log(1.0 - p)
    return math.exp(SIGMA * normal_tail(p) - SIGMA * SIGMA / 2)


@inlined
def quantile(table, row, u):  # type: ignore[no-untyped-def]
    """The quantile of the row's distribution at a uniform of 32 bits: interpolated, the outermost 1/128 exactly."""
    cell = u >> FRACTION_BITS
    if cell < TAIL or cell >= CELLS - TAIL:
        return exactly(row, u)
    low = table[row, cell]
    return low + (table[row, cell + 1] - low) * ((u & FRACTION) * (1.0 / (1 << FRACTION_BITS)))


@inlined
def push(heap, n, time, key):  # type: ignore[no-untyped-def]
    """Adds an event to a heap of n; returns how many there are now."""
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        above = heap[parent, 0]
        if above < time or (above == time and heap[parent, 1] < key):
            break
        heap[i, 0] = above
        heap[i, 1] = heap[parent, 1]
        i = parent
    heap[i, 0] = time
    heap[i, 1] = key
    return n + 1


@inlined
def replace(heap, n, time, key):  # type: ignore[no-untyped-def]
    """Puts an event in the place of the root of a heap of n; the place behind the last must be free."""
    heap[n, 0] = 1 << 62
    i, child = 0, 1
    while child < n:
        left, right = heap[child, 0], heap[child + 1, 0]
        child += (right < left) | ((right == left) & (heap[child + 1, 1] < heap[child, 1]))
        below = heap[child, 0]
        if below > time or (below == time and heap[child, 1] > key):
            break
        heap[i, 0] = below
        heap[i, 1] = heap[child, 1]
        i = child
        child = 2 * i + 1
    heap[i, 0] = time
    heap[i, 1] = key


@inlined
def work_on(free, first, workers, now, work):  # type: ignore[no-untyped-def]
    """Takes the worker that is free first; returns when the work is done."""
    end = max(now, free[first]) + work
    i, j = 0, 1
    while j < workers:
        if j + 1 < workers and free[first + j + 1] < free[first + j]:
            j += 1
        if free[first + j] >= end:
            break
        free[first + i] = free[first + j]
        i = j
        j = 2 * i + 1
    free[first + i] = end
    return end


@inlined
def join(frames, ends, ring, f):  # type: ignore[no-untyped-def]
    """Appends a frame to a ring of timeouts."""
    tail = ends[ring, 1]
    frames[f, NEXT] = -1
    frames[f, BEFORE] = tail
    ends[ring, 1] = f
    if tail >= 0:
        frames[tail, NEXT] = f
    else:
        ends[ring, 0] = f


@inlined
def leave(frames, ends, ring, f):  # type: ignore[no-untyped-def]
    after, before = frames[f, NEXT], frames[f, BEFORE]
    if before >= 0:
        frames[before, NEXT] = after
    else:
        ends[ring, 0] = after
    if after >= 0:
        frames[after, BEFORE] = before
    else:
        ends[ring, 1] = before


CALL_FEATURES, CALL_MODEL, CALL_RULES, ANSWERED, BROKEN, NOTHING = range(6)


@compiled
def simulate(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915
    seed, requests, table, heap, frames, free, ends, unused
):
    """Runs all requests; returns how many failed (-1: no room is left), were handled, and how many events happened."""
    f_gateway, f_features, f_db, f_model, f_rules = 0, 4, 8, 12, 16
    armed = np.zeros(2, np.int64)
    n_heap, order, n_unused = 0, 0, len(unused)
    failed, handled, events = 0, 0, 0
    n_request = 0
    r = mix(U(seed) + GOLD)
    gap = int(quantile(table, 1, np.int64(mix(r + P_GAP) >> U32)) * GAP_NS)
    n_heap = push(heap, n_heap, gap, ARRIVAL << SLOT_BITS)
    while n_heap > 0:
        if n_unused < 2 or n_heap + 4 > len(heap):
            return -1, 0, 0
        now, key = heap[0, 0], heap[0, 1]
        kind, f = (key >> SLOT_BITS) & 15, key & SLOT
        events += 1
        # What comes of this event: at most one more event, and what the gateway does next with request g.
        new_at, new_kind, new_slot = np.int64(-1), 0, np.int64(0)
        then, g, attempt = NOTHING, np.int64(0), np.int64(0)
        ring = -1
        if kind == ARRIVAL:
            n_unused -= 1
            g = unused[n_unused]
            frames[g, HASH] = np.int64(r)
            frames[g, WAITED_FOR] = 1
            frames[g, AT_WORK] = 1
            frames[g, DEADLINE] = now + TIMEOUT[GATEWAY]
            join(frames, ends, 0, g)
            if armed[0] == 0:
                armed[0] = 1
                order += 1
                n_heap = push(heap, n_heap, frames[g, DEADLINE], (order << 24) | (RING_USERS << SLOT_BITS))
            work = int(quantile(table, 0, np.int64(mix(r + P_GATEWAY) >> U32)) * MEAN[GATEWAY])
            at = work_on(free, f_gateway, WORKERS[GATEWAY], now, work)
            order += 1
            n_heap = push(heap, n_heap, at, (order << 24) | (GATEWAY_DONE << SLOT_BITS) | g)
            n_request += 1
            if n_request < requests:
                r = mix(U(seed) + U(n_request + 1) * GOLD)
                new_at = now + int(quantile(table, 1, np.int64(mix(r + P_GAP) >> U32)) * GAP_NS)
                new_kind = ARRIVAL
        elif kind == GATEWAY_DONE:
            then, g = CALL_FEATURES, f
        elif kind == FEATURES_DONE:
            k = mix(U(frames[f, HASH]) + P_DB)
            if np.int64(k & LOW) < MISSES:
                work = int(quantile(table, 0, np.int64(k >> U32)) * MEAN[DB])
                at = work_on(free, f_db, WORKERS[DB], now, work)
                handled += 1
                new_slot = f
                if at < now + TIMEOUT[DB]:
                    new_at, new_kind = at, DB_DONE
                else:
                    new_at, new_kind = now + TIMEOUT[DB], DB_TIMEOUT
            else:
                kind = DB_DONE
        elif kind == MODEL_DONE:
            then, g = CALL_RULES, f
        elif kind == MODEL_TIMEOUT:
            g, attempt = f, frames[f, ATTEMPT] + 1
            then = CALL_MODEL if attempt <= RETRIES[MODEL] else BROKEN
        elif kind == RULES_DONE:
            then, g = ANSWERED, f
        elif kind == RULES_TIMEOUT:
            g, attempt = f, frames[f, ATTEMPT] + 1
            then = CALL_RULES if attempt <= RETRIES[RULES] else BROKEN
        elif kind >= RING_USERS:
            ring = kind - RING_USERS
            f = ends[ring, 0]
            if f >= 0 and frames[f, DEADLINE] <= now:
                leave(frames, ends, ring, f)
                frames[f, WAITED_FOR] = 0
                if ring == 0:
                    failed += 1
                else:
                    g, attempt = frames[f, PARENT], frames[f, ATTEMPT] + 1
                    then = CALL_FEATURES if attempt <= RETRIES[FEATURES] else BROKEN
            if ends[ring, 0] >= 0:
                new_at, new_kind = max(now, frames[ends[ring, 0], DEADLINE]), kind
            else:
                armed[ring] = 0
        if kind in (DB_DONE, DB_TIMEOUT):  # the attempt at features has its answer
            handled += 1
            if frames[f, WAITED_FOR]:
                leave(frames, ends, 1, f)
                g = frames[f, PARENT]
                if kind == DB_DONE:
                    then = CALL_MODEL
                else:
                    attempt = frames[f, ATTEMPT] + 1
                    then = CALL_FEATURES if attempt <= RETRIES[FEATURES] else BROKEN
            unused[n_unused] = f
            n_unused += 1
        if then == CALL_FEATURES:
            n_unused -= 1
            f = unused[n_unused]
            k = mix(U(frames[g, HASH]) + P_FEATURES + U(attempt) * GOLD)
            frames[f, HASH] = np.int64(k)
            frames[f, PARENT] = g
            frames[f, ATTEMPT] = attempt
            frames[f, WAITED_FOR] = 1
            frames[f, DEADLINE] = now + TIMEOUT[FEATURES]
            join(frames, ends, 1, f)
            if armed[1] == 0:
                armed[1] = 1
                order += 1
                n_heap = push(heap, n_heap, frames[f, DEADLINE], (order << 24) | (RING_FEATURES << SLOT_BITS))
            work = int(quantile(table, 0, np.int64(k >> U32)) * MEAN[FEATURES])
            at = work_on(free, f_features, WORKERS[FEATURES], now, work)
            if new_at < 0:
                new_at, new_kind, new_slot = at, FEATURES_DONE, f
            else:  # the ring is asked for again as well
                order += 1
                n_heap = push(heap, n_heap, at, (order << 24) | (FEATURES_DONE << SLOT_BITS) | f)
        elif then == CALL_MODEL:
            k = mix(U(frames[g, HASH]) + P_MODEL + U(attempt) * GOLD)
            mean = MEAN[MODEL] * FACTOR if SLOW_FROM <= now < SLOW_TO else MEAN[MODEL]
            at = work_on(free, f_model, WORKERS[MODEL], now, int(quantile(table, 0, np.int64(k >> U32)) * mean))
            handled += 1
            frames[g, ATTEMPT] = attempt
            new_slot = g
            if at < now + TIMEOUT[MODEL]:
                new_at, new_kind = at, MODEL_DONE
            else:
                new_at, new_kind = now + TIMEOUT[MODEL], MODEL_TIMEOUT
        elif then == CALL_RULES:
            k = mix(U(frames[g, HASH]) + P_RULES + U(attempt) * GOLD)
            work = int(quantile(table, 0, np.int64(k >> U32)) * MEAN[RULES])
            at = work_on(free, f_rules, WORKERS[RULES], now, work)
            handled += 1
            frames[g, ATTEMPT] = attempt
            new_slot = g
            if at < now + TIMEOUT[RULES]:
                new_at, new_kind = at, RULES_DONE
            else:
                new_at, new_kind = now + TIMEOUT[RULES], RULES_TIMEOUT
        elif then in (ANSWERED, BROKEN):
            handled += 1
            if frames[g, WAITED_FOR]:
                leave(frames, ends, 0, g)
                failed += then == BROKEN
            unused[n_unused] = g
            n_unused += 1
        if new_at >= 0:
            order += 1
            replace(heap, n_heap, new_at, (order << 24) | (new_kind << SLOT_BITS) | new_slot)
        else:
            n_heap -= 1
            if n_heap > 0:
                replace(heap, n_heap, heap[n_heap, 0], heap[n_heap, 1])
    return failed, handled, events


ROOM = 1 << 14
"""Frames and events at once: enough by far for this chain at this rate."""


def run_hard_coded(seed: int, requests: int = REQUESTS) -> tuple[Outcome, int]:
    """One round with its sampler tables and its memory, and how many events it had."""
    began = process_time()
    free: Ints = np.zeros(4 + 4 + 4 + 4 + 2, np.int64)
    found: Any = simulate(
        seed, requests, tables(), np.empty((ROOM, 2), np.int64), np.empty((ROOM, 8), np.int64), free,
        np.full((2, 2), -1, np.int64), np.arange(ROOM, dtype=np.int64),
    )  # fmt: skip
    failed, handled, events = (int(each) for each in found)
    if failed < 0:
        raise MemoryError(f"more than {ROOM} visits or events at once")
    return Outcome(failed, handled, process_time() - began), events


def main(requests: int) -> int:
    """Prints CPU a request of some rounds, and both models' failures and handlings."""
    run_hard_coded(1, 1000)
    rounds = [run_hard_coded(seed, requests) for seed in range(2, 7)]
    naive = run_naive(2, records=False)
    each = [outcome.cpu_s / requests * 1e9 for outcome, _ in rounds]
    print(f"hard-coded: {median(each):.0f} ns CPU a request (of 5 rounds {min(each):.0f} to {max(each):.0f}), "
          f"{rounds[0][1] / requests:.2f} events")  # fmt: skip
    for name, outcome, count in (("hard-coded", run_hard_coded(2)[0], REQUESTS), ("naive", naive, REQUESTS)):
        print(f"{name:11} {outcome.handled / count:.3f} handlings a request, {outcome.failed / count:.2%} failed")
    print(f"hard-coded / naive: {median(each) / (naive.cpu_s / REQUESTS * 1e9):.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else LONG))
