"""What a component does with a request besides spending time: stores, tables, gates, marks, what is served."""

from __future__ import annotations

from lab.compiled import high32, kernel, unsigned
from lab.draws import word
from lab.recording.status import ERROR, MISS, OK, UNAVAILABLE
from lab.testbeds.sim.plane.layout import *
from lab.worlds.operations import (
    FROM_STORE,
    FROM_TABLE,
    OP_ASK,
    OP_CHANCE,
    OP_GATE,
    OP_MARK,
    OP_PREDICATE,
    OP_SERVE,
    OP_STORE_GET,
    OP_STORE_PUT,
    OP_STORE_REFRESH,
    OP_TABLE_READ,
    VARIANT_VERSION,
)

_SUBJECT_KEY = (1 << SUBJECT_BITS) - 1
_ROW = PAY_SOURCE | (PAY_CODE << VIOLATION_SHIFT)
"""The bits of P_FLAGS that tell of the row."""
_VERSION = PAY_CODE << VERSION_SHIFT


@kernel
def get(t: Tables, store: int, f: int, now: int) -> int:
    """Looks a request's key up in a store. An entry lives until ENDS, that time included; a frozen one on."""
    pay, entry, of = t.pay, t.store, t.store_head
    offset = of[store, SH_OFFSET]
    k = offset + entry[offset + (pay[f, P_SUBJECT] & _SUBJECT_KEY), K_ANSWERS]
    if entry[k, K_WRITTEN] < 0 or (now > entry[k, K_ENDS] and entry[k, K_FROZEN] == 0):
        of[store, SH_MISSES] += 1
        return MISS
    of[store, SH_HITS] += 1
    pay[f, P_FLAGS] = (pay[f, P_FLAGS] & ~_ROW) | FROM_STORE | (entry[k, K_VIOLATION] << VIOLATION_SHIFT)
    pay[f, P_KEY] = entry[k, K_KEY]
    pay[f, P_EPOCH] = entry[k, K_EPOCH]
    pay[f, P_WRITTEN] = entry[k, K_WRITTEN]
    return OK


@kernel
def write(t: Tables, store: int, key: int, now: int, row_key: int, epoch: int, violation: int) -> None:
    """Writes an entry; a frozen key that has one keeps it."""
    entry, of = t.store, t.store_head
    k = of[store, SH_OFFSET] + key
    if entry[k, K_WRITTEN] >= 0:
        if entry[k, K_FROZEN] != 0:
            return
        if of[store, SH_EXPIRED_UNTIL] < entry[k, K_ENDS] and entry[k, K_ENDS] <= now:
            of[store, SH_EXPIRED] += 1  # overwritten before the next sample came to count it
    entry[k, K_WRITTEN] = now
    entry[k, K_ENDS] = now + of[store, SH_TTL]
    entry[k, K_KEY] = row_key
    entry[k, K_EPOCH] = epoch
    entry[k, K_VIOLATION] = violation


@kernel
def put(t: Tables, store: int, f: int, now: int) -> int:
    """Writes what is carried under the request's own key; nothing where no row is carried."""
    pay = t.pay
    if pay[f, P_EPOCH] >= 0:
        violation = (pay[f, P_FLAGS] >> VIOLATION_SHIFT) & PAY_CODE
        write(t, store, pay[f, P_SUBJECT] & _SUBJECT_KEY, now, pay[f, P_KEY], pay[f, P_EPOCH], violation)
    return OK


@kernel
def refresh(t: Tables, store: int, table: int, now: int) -> int:
    """Writes the rows of a table over a store's entries that live and are touched; then none is touched any more."""
    entry, of = t.store, t.store_head
    offset = of[store, SH_OFFSET]
    rows = t.table_head[table, TH_OFFSET]
    epoch = t.table_head[table, TH_EPOCH]
    for key in range(of[store, SH_KEYS]):
        k = offset + key
        lives = entry[k, K_WRITTEN] >= 0 and (now <= entry[k, K_ENDS] or entry[k, K_FROZEN] != 0)
        if lives and entry[k, K_TOUCHED] != 0 and key < t.table_head[table, TH_KEYS]:
            write(t, store, key, now, key, epoch, t.table[rows + key])
        entry[k, K_TOUCHED] = 0
    return OK


@kernel
def read(t: Tables, table: int, f: int) -> int:
    """Reads a request's own row of a table."""
    pay = t.pay
    key = pay[f, P_SUBJECT] & _SUBJECT_KEY
    violation = t.table[t.table_head[table, TH_OFFSET] + key]
    pay[f, P_FLAGS] = (pay[f, P_FLAGS] & ~_ROW) | FROM_TABLE | (violation << VIOLATION_SHIFT)
    pay[f, P_KEY] = key
    pay[f, P_EPOCH] = t.table_head[table, TH_EPOCH]
    pay[f, P_WRITTEN] = -1
    return OK


@kernel
def pass_gate(t: Tables, gate: int, f: int, carries: int) -> int:
    """Lets one of a gate's two versions answer."""
    pay, of = t.pay, t.gate
    if of[gate, G_OPEN] == 0:
        return UNAVAILABLE
    version = of[gate, G_VERSION_A]
    if of[gate, G_SHARE_B] > 0 and high32(word(unsigned(t.frame[f, F_KEY]), U_GATE)) < of[gate, G_SHARE_B]:
        version = of[gate, G_VERSION_B]
    if carries:
        pay[f, P_FLAGS] = (pay[f, P_FLAGS] & ~_VERSION) | (version << VERSION_SHIFT)
    return OK


@kernel
def serve(t: Tables, f: int, component: int, now: int) -> int:
    """Serves what is carried, which breaks the contract where its row does."""
    pay, served = t.pay, t.served
    n = t.head[H_SERVED]
    t.head[H_SERVED] = n + 1
    served[n, V_REQUEST] = t.frame[f, F_REQUEST]
    served[n, V_TIME] = now
    served[n, V_KEY] = pay[f, P_KEY]
    served[n, V_FLAGS] = pay[f, P_FLAGS]
    served[n, V_EPOCH] = pay[f, P_EPOCH]
    served[n, V_WRITTEN] = pay[f, P_WRITTEN]
    served[n, V_COMPONENT] = component
    served[n, V_ARRIVED] = pay[f, P_ARRIVED]
    return OK if (pay[f, P_FLAGS] >> VIOLATION_SHIFT) & PAY_CODE == 0 else ERROR


@kernel
def decide(t: Tables, f: int, variant: int, first: int) -> int:
    """A request's predicate, which is one of those drawn with its arrival: OK where it holds, else MISS."""
    bit = first
    if variant == VARIANT_VERSION:
        version = (t.pay[f, P_FLAGS] >> VERSION_SHIFT) & PAY_CODE
        bit += version - 1 if version > 0 else 0
    return OK if (t.pay[f, P_SUBJECT] >> (SUBJECT_BITS + bit)) & 1 else MISS


@kernel
def perform(t: Tables, row: int, f: int, component: int, now: int) -> int:
    """Performs the operation in a row of `operation` for the request of frame f. Returns its status.

    What concerns a request's own key is nothing, and OK, for requests that have none.
    """
    code = t.operation[row, N_CODE]
    target = t.operation[row, N_TARGET]
    argument = t.operation[row, N_ARGUMENT]
    if code == OP_ASK:
        status = t.head[H_OPERATION_STATUS]
        t.head[H_OPERATION_STATUS] = -1
        return status
    if code == OP_STORE_REFRESH:
        return refresh(t, target, argument, now)
    carries = t.frame[f, F_FLAGS] & FLAG_PAY
    if code == OP_GATE:
        return pass_gate(t, target, f, carries)
    if code == OP_CHANCE:
        return MISS if high32(word(unsigned(t.frame[f, F_KEY]), U_CHANCE)) < argument else OK
    if carries == 0:
        return OK
    if code == OP_STORE_GET:
        return get(t, target, f, now)
    if code == OP_STORE_PUT:
        return put(t, target, f, now)
    if code == OP_TABLE_READ:
        return read(t, target, f)
    if code == OP_SERVE:
        return serve(t, f, component, now)
    if code == OP_PREDICATE:
        return decide(t, f, target, argument)
    if code == OP_MARK:
        t.pay[f, P_FLAGS] |= 1 << (MARKS_SHIFT + argument)
    return OK
