"""What a component does with a request besides spending time: stores, tables, gates, marks, what is served."""

from __future__ import annotations

from lab.compiled import apart, call_function, high32, kernel, unsigned
from lab.content.operations import *
from lab.draws import word
from lab.recording.status import ERROR, MISS, OK, UNAVAILABLE
from lab.testbeds.sim.plane.layout import *

_ROW = PAY_SOURCE | (PAY_CODE << VIOLATION_SHIFT)
"""The bits of P_FLAGS that tell of the row."""
_VERSION = PAY_CODE << VERSION_SHIFT


@kernel
def own_key(t: Tables, f: int, slot: int) -> int:
    """The request's own key of a slot."""
    if slot == 0:
        return t.pay[f, P_SUBJECT]
    return t.more[f, M_SLOTS + (slot - 1) * MS_WORDS + MS_KEY]


@kernel
def take_row(t: Tables, f: int, slot: int, flags: int, row: int, epoch: int, written: int) -> None:
    """Lets a request carry a row in a slot."""
    if slot == 0:
        pay = t.pay
        pay[f, P_FLAGS] = (pay[f, P_FLAGS] & ~_ROW) | flags
        pay[f, P_KEY] = row
        pay[f, P_EPOCH] = epoch
        pay[f, P_WRITTEN] = written
    else:
        more, m = t.more, M_SLOTS + (slot - 1) * MS_WORDS
        more[f, m + MS_FLAGS] = flags
        more[f, m + MS_ROW] = row
        more[f, m + MS_EPOCH] = epoch
        more[f, m + MS_WRITTEN] = written


@kernel
def get(t: Tables, store: int, f: int, now: int) -> int:
    """Looks a request's key up in a store. An entry lives until ENDS, that time included; a frozen one on."""
    entry, of = t.store, t.store_head
    offset, slot = of[store, SH_OFFSET], of[store, SH_SLOT]
    k = offset + entry[offset + own_key(t, f, slot), K_ANSWERS]
    if entry[k, K_WRITTEN] < 0 or (now > entry[k, K_ENDS] and entry[k, K_FROZEN] == 0):
        of[store, SH_MISSES] += 1
        return MISS
    of[store, SH_HITS] += 1
    flags = FROM_STORE | (entry[k, K_VIOLATION] << VIOLATION_SHIFT)
    take_row(t, f, slot, flags, entry[k, K_KEY], entry[k, K_EPOCH], entry[k, K_WRITTEN])
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
    """Writes the row that is carried under the request's own key; nothing where none is carried."""
    slot = t.store_head[store, SH_SLOT]
    flags, row, epoch = t.pay[f, P_FLAGS], t.pay[f, P_KEY], t.pay[f, P_EPOCH]
    if slot > 0:
        m = M_SLOTS + (slot - 1) * MS_WORDS
        flags, row, epoch = t.more[f, m + MS_FLAGS], t.more[f, m + MS_ROW], t.more[f, m + MS_EPOCH]
    if epoch >= 0:
        write(t, store, own_key(t, f, slot), now, row, epoch, (flags >> VIOLATION_SHIFT) & PAY_CODE)
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
    slot = t.table_head[table, TH_SLOT]
    key = own_key(t, f, slot)
    violation = t.table[t.table_head[table, TH_OFFSET] + key]
    take_row(t, f, slot, FROM_TABLE | (violation << VIOLATION_SHIFT), key, t.table_head[table, TH_EPOCH], -1)
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
def note(t: Tables, f: int, component: int, now: int) -> int:
    """Writes of a row of `served` whose request it is, when and where. Returns which it is."""
    served = t.served
    n = t.head[H_SERVED]
    t.head[H_SERVED] = n + 1
    served[n, V_REQUEST] = t.frame[f, F_REQUEST]
    served[n, V_TIME] = now
    served[n, V_COMPONENT] = component
    served[n, V_ARRIVED] = t.pay[f, P_ARRIVED]
    return n


@kernel
def note_row(t: Tables, n: int, slot: int, flags: int, row: int, epoch: int, written: int) -> None:
    """Writes into a row of `served` what was served."""
    served = t.served
    served[n, V_FLAGS] = flags | ((slot + 1) << SERVED_SLOT_SHIFT)
    served[n, V_KEY] = row
    served[n, V_EPOCH] = epoch
    served[n, V_WRITTEN] = written


@kernel
def serve(t: Tables, f: int, component: int, now: int) -> int:
    """Serves the rows that are carried, which break the contract where one of them does."""
    pay, more = t.pay, t.more
    broken = pay[f, P_FLAGS]
    note_row(t, note(t, f, component, now), 0, broken, pay[f, P_KEY], pay[f, P_EPOCH], pay[f, P_WRITTEN])
    for slot in range(1, t.head[H_SLOTS]):
        m = M_SLOTS + (slot - 1) * MS_WORDS
        flags = more[f, m + MS_FLAGS]
        n = note(t, f, component, now)
        note_row(t, n, slot, flags, more[f, m + MS_ROW], more[f, m + MS_EPOCH], more[f, m + MS_WRITTEN])
        broken |= flags
    return OK if (broken >> VIOLATION_SHIFT) & PAY_CODE == 0 else ERROR


@kernel
def put_question(t: Tables, f: int, argument: int, now: int) -> None:
    """Writes down what the world's `decide` is asked of a request."""
    asked, pay, more = t.asked, t.pay, t.more
    flags = pay[f, P_FLAGS]
    asked[ASK_TIME] = now
    asked[ASK_REQUEST] = t.frame[f, F_REQUEST]
    asked[ASK_ARRIVED] = pay[f, P_ARRIVED]
    asked[ASK_ARGUMENT] = argument
    asked[ASK_VERSION] = (flags >> VERSION_SHIFT) & PAY_CODE
    asked[ASK_MARKS] = (flags >> MARKS_SHIFT) & PAY_CODE
    asked[ASK_VALUE] = more[f, M_VALUE]
    for i in range(OWN_MAX):
        asked[ASK_OWN + i] = more[f, M_OWN + i]
    put_slot(t, 0, pay[f, P_SUBJECT], flags, pay[f, P_KEY], pay[f, P_EPOCH], pay[f, P_WRITTEN])
    for slot in range(1, t.head[H_SLOTS]):
        m = M_SLOTS + (slot - 1) * MS_WORDS
        key, row, epoch = more[f, m + MS_KEY], more[f, m + MS_ROW], more[f, m + MS_EPOCH]
        put_slot(t, slot, key, more[f, m + MS_FLAGS], row, epoch, more[f, m + MS_WRITTEN])


@kernel
def put_slot(t: Tables, slot: int, key: int, flags: int, row: int, epoch: int, written: int) -> None:
    """Writes down what a request was served in a slot."""
    asked, first = t.asked, ASK_SLOT + slot * SLOT_WORDS
    asked[first + SLOT_KEY] = key
    asked[first + SLOT_SOURCE] = flags & PAY_SOURCE
    asked[first + SLOT_VIOLATION] = (flags >> VIOLATION_SHIFT) & PAY_CODE
    asked[first + SLOT_ROW] = row
    asked[first + SLOT_EPOCH] = epoch
    asked[first + SLOT_WRITTEN] = written


@apart
def decide(t: Tables, code: int, f: int, argument: int, now: int) -> int:
    """Has the world decide on a request: its value (OP_SCORE), or whether something holds of it (OP_TEST)."""
    put_question(t, f, argument, now)
    found = call_function(t.head[H_DECIDE], t.head[H_DECIDE_TABLES])
    if code == OP_TEST:
        return OK if found > 0 else MISS
    t.more[f, M_VALUE] = found
    return OK


@kernel
def perform(t: Tables, row: int, f: int, component: int, now: int) -> int:
    """Performs the operation in a row of `operation` for the request of frame f. Returns its status."""
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
    status = OK
    if code == OP_GATE or (code == OP_SCORE and target >= 0):
        status = pass_gate(t, target, f, carries)
    elif code == OP_CHANCE:
        status = MISS if high32(word(unsigned(t.frame[f, F_KEY]), U_CHANCE)) < argument else OK
    if carries == 0 or status != OK:
        return status
    return perform_own(t, code, target, argument, f, component, now)


@kernel
def perform_own(t: Tables, code: int, target: int, argument: int, f: int, component: int, now: int) -> int:
    """Performs what concerns a request's own keys, which is nothing, and OK, for requests that have none."""
    if code == OP_STORE_GET:
        return get(t, target, f, now)
    if code == OP_STORE_PUT:
        return put(t, target, f, now)
    if code == OP_TABLE_READ:
        return read(t, target, f)
    if code == OP_SERVE:
        return serve(t, f, component, now)
    if code in (OP_SCORE, OP_TEST):
        return decide(t, code, f, argument, now)
    if code == OP_NOTE:
        note_row(t, note(t, f, component, now), -1, 0, -1, -1, -1)
    elif code == OP_MARK:
        t.pay[f, P_FLAGS] |= 1 << (MARKS_SHIFT + argument)
    return OK
