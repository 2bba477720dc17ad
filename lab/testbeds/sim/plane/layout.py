"""The request plane's tables: which word of which row means what.

Every table is an array of int64 (names ending in `_f`, `quantile` and `sampler`: float64) with a row for each thing and
a word for each of its properties. Times are ns of the testbed's clock. A share is a threshold: what comes is compared
with a uniform number of 32 bits (`lab.draws.threshold`). Keys are 64 bits with a sign; -1 stands for none.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.content.operations import ASK_WORDS, OWN_MAX, SLOTS_MAX

Array = npt.NDArray[Any]

# head: the plane's own state.
(
    H_NOW, H_HEAP, H_ORDER,  # the time; events in the heap; pushes so far
    H_SPANS, H_SERVED, H_DONE,  # rows in the blocks, which the driver takes out and sets to 0
    H_FREE, H_FRAMES, H_LIVE,  # first free frame (-1: none); frames ever used; frames in use
    H_ACTION, H_FRAME, H_EDGE, H_ATTEMPT, H_STATUS,  # where it stopped between two actions
    H_EVENTS, H_ROOTS, H_FAILED,  # events so far; requests that ended; those of them that failed
    H_WANTED_SOURCE,  # code 5: the source whose window must be filled
    H_WANTED_OPERATION,  # code 6: the operation (row of `operation`) that the world has to do
    H_OPERATION_STATUS,  # how that ended, which the driver writes; -1: not asked
    H_RECORDS,  # whether span sides are written
    H_ROOT_FREE,  # whether the heap's first event was taken and its place is free; not at rest
    H_LATER,  # events to push before the next is taken, each three words (time, kind, slot) from H_FIRST_LATER on
    H_MORE, H_SLOTS,  # whether requests have a row of `more`; how many own keys they have
    H_DECIDE, H_DECIDE_TABLES,  # the world's function and its tables, as `lab.called` numbers them
    H_ENDED_REQUEST, H_ENDED_STATUS,  # code 7: the run that has just ended, and how
) = range(29)  # fmt: skip
H_FIRST_LATER = 32
HEAD_WORDS = 56

# frame: one attempt over an edge, both sides of it; or a request at its root. A freed frame has flags -1.
(
    F_REQUEST, F_KEY, F_PARENT, F_EDGE,  # number over all streams; key; caller's frame; edge (-1 - component: a root)
    F_ATTEMPT, F_START, F_DEADLINE,  # of a root: its source, its start, -
    F_ARRIVED,  # when the callee took it, of a leaf that did when its work ends; in a pool's queue, since when
    F_STEP, F_FAILED,  # of the callee's plan: next step (-1: none), bits of those that did not succeed
    F_FLAGS, F_STATUS,  # FLAG_*; the callee's answer
    F_NEXT, F_LATER, F_EARLIER,  # next in a queue or among the free; neighbours in the ring of timeouts
    F_PARENT_KEY,  # the caller's key, for its frame may be another's by then
) = range(16)  # fmt: skip
FLAG_CLIENT = 1
"""The caller waits for the answer."""
FLAG_SERVER = 2
"""The callee has not answered yet."""
FLAG_TIMEOUT = 4
"""Its timeout is in the heap."""
FLAG_RING = 8
"""Its timeout is in its edge's ring."""
FLAG_PAY = 16
"""Its row of `pay` holds something."""
FLAG_WORKER = 32
"""The callee works on it with a worker of its pool."""
FLAG_CONNECTION = 64
"""The attempt has a connection of its caller's pool."""
FLAG_MORE = 128
"""Its row of `more` holds something; never without FLAG_PAY."""
FLAG_KEPT = FLAG_CLIENT | FLAG_SERVER | FLAG_TIMEOUT
"""A frame with none of these is free."""

# pay: what a request carries: a call takes along what its caller holds, an answer brings back what the callee holds.
(
    P_FLAGS, P_KEY, P_EPOCH, P_WRITTEN,  # PAY_*; whose row it is; its epoch; when its store entry was written (-1)
    P_SUBJECT, P_ARRIVED,  # its own key; when the request started
) = range(6)  # fmt: skip
PAY_SOURCE = 3
"""Bits 0 and 1 of P_FLAGS: where the row came from (FROM_*)."""
VIOLATION_SHIFT, VERSION_SHIFT, MARKS_SHIFT = 2, 18, 34
"""Then 16 bits each: the row's violation (0: none), the version that was asked (0: none), marks."""
PAY_CODE = 0xFFFF
SERVED_SLOT_SHIFT = 50
"""In V_FLAGS only: the slot and one (0: none)."""

# more: what is carried beside `pay` where the world asks for it. Slot 0 is in `pay`, the others have five words each.
M_VALUE, M_OWN, M_SLOTS = 0, 1, 8
"""The value; own numbers; the first of the other slots."""
(
    MS_KEY, MS_FLAGS,  # its own key; source and violation as in P_FLAGS
    MS_ROW, MS_EPOCH, MS_WRITTEN,  # as P_KEY, P_EPOCH and P_WRITTEN
) = range(5)  # fmt: skip
MS_WORDS = 5
MORE_WORDS = 24

# component. What every call reads comes first here and in `edge`: the first eight words are one line of memory.
(
    C_WORKERS, C_MAX_WAIT, C_STOPPED, C_HELD,
    C_FIRST_FREE,  # first of its workers in `free`, a heap of the times at which they are free
    C_NOISE,  # share of what fails after its work for no particular reason
    C_BUSY, C_STRETCHED,  # ns of work begun that no sample has counted, FAR at most; whether its work is stretched
    C_FIRST_STEP,  # of its plan; -1: it has none
    C_QUEUE_HEAD, C_QUEUE_TAIL, C_QUEUE_LENGTH,  # frames held, linked by F_NEXT
    C_THROTTLED,  # ns of C_BUSY without the CPU
    C_POOL,  # row of `pool` (-1: its workers are those in `free`)
) = range(14)  # fmt: skip
HELD, POOLED = 1, 2
"""Bits of C_HELD, of what comes and is not begun at once: the component handles nothing now; it has a pool."""
COMPONENT_WORDS = 16
CF_STRETCH, CF_CPU_SHARE = range(2)

# edge: one call step.
(
    E_CALLEE, E_LINK, E_TIMEOUT,
    E_SAMPLER, E_OPERATION,  # of its own work (-1: always the mean); row of `operation` (-1: none), done by leaves
    E_EXTRA,  # ns for which a worker waits beside its work, without CPU
    E_TRAITS, E_KEY,  # TRAIT_*, and above them the row of `pool` of its connections plus 1 (0: none); key in draws
    E_NEXT,  # the step after this one in the caller's plan (-1: none)
    E_RING_HEAD, E_RING_TAIL, E_ARMED,  # frames that wait for their timeout; whether the first of them is in the heap
    E_BIT, E_GOES_ON,  # bit in F_FAILED; may fail
    E_RETRIES, E_BACKOFF,
) = range(16)  # fmt: skip
EDGE_WORDS = 16
TRAIT_LEAF = 1
"""The callee calls nobody and has no pool: on arrival it is known when it answers."""
TRAIT_MESSAGE = 2
"""The caller does not wait."""
TRAIT_POOL_SHIFT = 8
EF_MEAN = 0
"""edge_f: mean own work of the callee, ns."""

# step: one step of a component's call plan.
(
    S_IS_CALL, S_INDEX,  # edge of a call; else row of `operation`
    S_UNLESS, S_AFTER, S_BIT, S_GOES_ON,  # bits in F_FAILED: only where one is set; only where none is; its own
    S_NEXT,  # the step after this one (-1: none)
    S_WHEN,  # its row of `when` and one (0: none)
) = range(8)  # fmt: skip
STEP_WORDS = 8

# pool: what so many may use at a time, a component's workers or its connections; the others wait in order, in frames
# linked by F_NEXT.
(
    R_SIZE, R_IN_USE,
    R_HEAD, R_TAIL, R_LENGTH,  # who waits
    R_LIMIT, R_MAX_WAIT,  # so many may wait, FAR: all; and so long
    R_LOOK_AT,  # when it is looked at who may begin and who waited too long; FAR: not yet
    R_OWNER,  # component: its workers; -1 - component: its connections
    R_KEEPS,  # whether a worker is kept until the answer
    R_HELD,  # whether nobody begins now
    R_SHED, R_EXPIRED,  # who found the queue full and who waited too long, since gauges were sampled
    R_TAKEN, R_WAITED,  # who got one, and the ns that they waited, FAR at most
) = range(15)  # fmt: skip
POOL_WORDS = 16

# when: the request's value must be above the one and at most the other.
W_ABOVE, W_AT_MOST = range(2)

# link
(
    L_SAMPLER, L_FAULTY, L_CUT_DIRECTION, L_CUT, L_RESET, L_DELAY, L_DELAY_NS, L_JITTER_NS,
    L_DROP, L_DROP_NS, L_BYTE_NS, L_FREE_AT,  # BYTE_NS: what a whole message takes on a throttled link
) = range(12)  # fmt: skip
LINK_WORDS = 16
LF_MEAN = 0
"""link_f: mean passage one way, ns."""
CUT_BOTH, CUT_REQUEST, CUT_RESPONSE = range(3)

# operation: what own code does besides spending time.
N_CODE, N_TARGET, N_ARGUMENT = range(3)
OPERATION_WORDS = 4

# source: a stream of requests. Its window are the rows BEGIN to END of `arrival`, which are its requests from FIRST on.
(
    O_KEY, O_NUMBER, O_NEXT, O_COMPONENT, O_ACTIVE, O_RECORDS_ROOT,
    O_BEGIN, O_END, O_FIRST, O_EXHAUSTED,  # EXHAUSTED: no arrivals follow those of the window
    O_WATCHED,  # whether the driver is told at once when one of its requests ends
) = range(11)  # fmt: skip
SOURCE_WORDS = 12

# arrival
A_TIME, A_SUBJECT = range(2)
"""A_SUBJECT: the request's own key (a user, a card); -1: it has none."""

# arrival_more: own numbers, then the keys of the other slots.
AM_OWN, AM_KEYS = 0, 7

# store: entries by key; `store_head`: one row a store, whose entries begin at OFFSET.
(
    K_WRITTEN, K_ENDS, K_EPOCH, K_VIOLATION,  # WRITTEN -1: no entry
    K_FROZEN, K_ANSWERS, K_TOUCHED, K_KEY,  # ANSWERS: the key whose entry answers; KEY: whose row the entry holds
) = range(8)  # fmt: skip
(
    SH_OFFSET, SH_KEYS, SH_TTL, SH_HITS, SH_MISSES, SH_EXPIRED, SH_EXPIRED_UNTIL,
    SH_SLOT,  # whose key it goes by
) = range(8)  # fmt: skip
STORE_HEAD_WORDS = 8

# table: violation by key (one array, no words); `table_head`: one row a table, whose keys begin at OFFSET.
TH_OFFSET, TH_KEYS, TH_EPOCH, TH_WATERMARK, TH_SLOT = range(5)

# gate: lets one of two versions answer.
G_OPEN, G_VERSION_A, G_VERSION_B, G_SHARE_B = range(4)

# span: the bytes of a `lab.recording.sides.SIDE`. The last word: edge 16 bits, attempt 8, status 8, side 8.
B_REQUEST, B_START, B_END, B_KEY, B_PARENT_KEY, B_CODES = range(6)
EDGE_MASK = 0xFFFF
ATTEMPT_SHIFT, STATUS_SHIFT, SIDE_SHIFT = 16, 24, 32
SIDE_CLIENT, SIDE_CLIENT_FINAL, SIDE_SERVER = range(3)

# served: a row for every OP_SERVE, slot and OP_NOTE; done: a row for every request that ended; done_more: its `more`.
(
    V_REQUEST, V_TIME, V_KEY, V_FLAGS, V_EPOCH, V_WRITTEN, V_COMPONENT, V_ARRIVED,
) = range(8)  # fmt: skip
(
    D_REQUEST, D_START, D_END, D_STATUS, D_FLAGS, D_KEY, D_EPOCH, D_SUBJECT,
) = range(8)  # fmt: skip

# sampler: parameters of a distribution with mean 1; quantile: its quantiles (see `samplers`).
Q_KIND, Q_MU, Q_SIGMA = range(3)
LOGNORMAL, EXPONENTIAL = range(2)
CELLS = 1024

# What is drawn for a call, by its key: work and noise, passage there and back, link faults, a gate's split, OP_CHANCE.
U_WORK, U_PASSAGE, U_CUT, U_RESET, U_DELAY, U_DROP, U_GATE, U_CHANCE = range(8)

# What `advance` returns: why it stopped.
REACHED, SPANS_FULL, FRAMES_FULL, HEAP_FULL, BLOCK_FULL, ARRIVALS_WANTED, WORLD_WANTED, RUN_ENDED = range(8)

# What `advance` does next.
NEXT, ARRIVE, REPLY, CONTINUE, FINISH, START, OPERATE, SETTLE, SEND, WORK, ANSWER, TELL = range(12)

# Events: time; order of pushes (35 bits), kind (4), slot (24). Of equal times the first pushed comes first.
EVENT_ARRIVE, EVENT_REPLY, EVENT_CONTINUE, EVENT_FAIL = ARRIVE, REPLY, CONTINUE, FINISH  # slot: a frame
EVENT_TIMEOUT, EVENT_RING, EVENT_RETRY, EVENT_SOURCE = range(5, 9)  # slot: a frame; an edge; a frame; a source
EVENT_WORKED, EVENT_LOOK = 9, 10  # slot: a frame whose work by a pool's worker is done; a pool
SLOT_BITS, KIND_BITS = 24, 4
SLOT_MASK, KIND_MASK = (1 << SLOT_BITS) - 1, (1 << KIND_BITS) - 1
ORDER_SHIFT = SLOT_BITS + KIND_BITS
FRAMES_MAX = 1 << SLOT_BITS
FAR = 1 << 62
LONGEST = 1 << 61
"""73 years, in ns: what work is stretched to and when a throttled link is free are cut to it. No run is as long, so
nothing shows it. With drawn times, a sum of two, which is what is ever formed, is below FAR."""
LONGEST_DRAWN = 2.0**60
"""36 years, in ns: what a drawn time is cut to, as 60 days with a `cv` of 5 may be multiplied by 18,000."""


class Tables(NamedTuple):
    """The plane's tables, in the order in which the compiled kernel takes them. See `WORDS` for widths."""

    head: Array
    heap: Array
    frame: Array
    pay: Array
    more: Array
    component: Array
    component_f: Array
    edge: Array
    edge_f: Array
    step: Array
    pool: Array
    when: Array
    link: Array
    link_f: Array
    operation: Array
    source: Array
    arrival: Array
    arrival_more: Array
    free: Array
    sampler: Array
    quantile: Array
    store: Array
    store_head: Array
    table: Array
    table_head: Array
    gate: Array
    span: Array
    served: Array
    done: Array
    done_more: Array
    asked: Array


WORDS = {
    "heap": 2, "frame": 16, "pay": 6, "more": MORE_WORDS, "component": COMPONENT_WORDS, "component_f": 2,
    "edge": EDGE_WORDS, "edge_f": 1, "step": STEP_WORDS, "when": 2, "pool": POOL_WORDS, "link": LINK_WORDS, "link_f": 1,
    "operation": OPERATION_WORDS, "source": SOURCE_WORDS, "arrival": 2, "arrival_more": OWN_MAX + SLOTS_MAX - 1,
    "sampler": 3, "quantile": CELLS + 1, "store": 8, "store_head": STORE_HEAD_WORDS, "table_head": 8, "gate": 4,
    "span": 6, "served": 8, "done": 8, "done_more": MORE_WORDS,
}  # fmt: skip
"""Words a row of each table; the others have one dimension."""
FLOATS = frozenset({"component_f", "edge_f", "link_f", "sampler", "quantile"})

KINDS = {name: ("f" if name in FLOATS else "i") + str(WORDS.get(name, "")) for name in Tables._fields}
"""Of each table its numbers and how many a row, as `lab.compiled.load` takes them."""


def empty(name: str, rows: int) -> Array:
    """A table with this many rows of zeros; at least one, for a kernel cannot be given less.

    It begins with a line of memory (64 bytes), so that rows of eight words share no line.
    """
    words, kind = WORDS.get(name, 0), np.float64 if name in FLOATS else np.int64
    shape = (max(rows, 1), words) if words else (max(rows, 1),)
    room = np.zeros(math.prod(shape) + 7, kind)
    first = -room.ctypes.data // 8 % 8
    return room[first : first + math.prod(shape)].reshape(shape)


def new_tables(**rows: int) -> Tables:
    """Tables with these numbers of rows (1 where none is given), at rest: no frame, no event, no edge armed."""
    tables = Tables._make(empty(name, rows.get(name, 1)) for name in Tables._fields)
    tables = tables._replace(head=np.zeros(HEAD_WORDS, np.int64), asked=empty("asked", ASK_WORDS))
    tables.head[[H_FREE, H_OPERATION_STATUS, H_WANTED_SOURCE, H_WANTED_OPERATION]] = -1
    tables.head[H_RECORDS] = 1
    tables.frame[:, F_FLAGS] = -1
    tables.edge[:, [E_SAMPLER, E_OPERATION, E_RING_HEAD, E_RING_TAIL]] = -1
    tables.link[:, L_SAMPLER] = -1
    tables.component_f[:] = 1.0
    tables.arrival[:, A_SUBJECT] = -1
    tables.store[:, K_WRITTEN] = -1
    return tables
