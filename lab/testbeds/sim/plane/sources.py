"""Requests as they come: each arrival of a source leads to the next."""

from __future__ import annotations

from lab.compiled import apart, kernel, signed, unsigned
from lab.content.operations import NO_VALUE, OWN_MAX, SLOTS_MAX
from lab.draws import request_key
from lab.recording.ids import STREAM_SHIFT
from lab.testbeds.sim.plane.frames import take
from lab.testbeds.sim.plane.heap import later
from lab.testbeds.sim.plane.layout import *


@kernel
def has_arrivals(t: Tables, o: int) -> int:
    """Whether the arrivals are there that the next event of a source needs: its request's and the one after."""
    source = t.source
    if source[o, O_ACTIVE] == 0 or source[o, O_EXHAUSTED]:
        return 1
    return 1 if row_of_next(t, o) + 1 < source[o, O_END] else 0


@kernel
def row_of_next(t: Tables, o: int) -> int:
    """The row of `arrival` of a source's next request."""
    return t.source[o, O_BEGIN] + t.source[o, O_NEXT] - t.source[o, O_FIRST]


@kernel
def come(t: Tables, o: int, now: int) -> int:
    """A source's next request starts, and leads to the one after it. Returns its frame."""
    frame, pay, source, arrival = t.frame, t.pay, t.source, t.arrival
    row = row_of_next(t, o)
    n = source[o, O_NEXT]
    source[o, O_NEXT] = n + 1
    if row + 1 < source[o, O_END]:
        later(t, arrival[row + 1, A_TIME], EVENT_SOURCE, o)
    key = signed(request_key(unsigned(source[o, O_KEY]), n))
    f = take(t)
    frame[f, F_REQUEST] = (source[o, O_NUMBER] << STREAM_SHIFT) + n
    frame[f, F_KEY] = key
    frame[f, F_PARENT] = -1
    frame[f, F_EDGE] = -1 - source[o, O_COMPONENT]
    frame[f, F_ATTEMPT] = o
    frame[f, F_START] = now
    frame[f, F_DEADLINE] = FAR
    frame[f, F_ARRIVED] = now
    frame[f, F_STEP] = t.component[source[o, O_COMPONENT], C_FIRST_STEP]
    frame[f, F_FAILED] = 0
    frame[f, F_STATUS] = 0
    frame[f, F_PARENT_KEY] = key
    frame[f, F_FLAGS] = FLAG_SERVER
    subject = arrival[row, A_SUBJECT]
    if subject >= 0:
        frame[f, F_FLAGS] = FLAG_SERVER | FLAG_PAY
        pay[f, P_FLAGS] = 0
        pay[f, P_KEY] = -1
        pay[f, P_EPOCH] = -1
        pay[f, P_WRITTEN] = -1
        pay[f, P_SUBJECT] = subject
        pay[f, P_ARRIVED] = now
        if t.head[H_MORE]:
            frame[f, F_FLAGS] |= FLAG_MORE
            begin_more(t.more, f, t.arrival_more, row)
    return f


@apart
def begin_more(more: Array, f: int, arrival: Array, row: int) -> None:
    """What a request carries beside, at its start: its own numbers and keys, no rows, no value."""
    carry_nothing_more(more, f)
    for i in range(OWN_MAX):
        more[f, M_OWN + i] = arrival[row, AM_OWN + i]
    for i in range(SLOTS_MAX - 1):
        more[f, M_SLOTS + i * MS_WORDS + MS_KEY] = arrival[row, AM_KEYS + i]


@apart
def carry_nothing_more(more: Array, row: int) -> None:
    """A row of `more` of whoever has no keys and numbers of its own and was served nothing."""
    more[row, M_VALUE] = NO_VALUE
    for i in range(OWN_MAX):
        more[row, M_OWN + i] = 0
    for i in range(SLOTS_MAX - 1):
        m = M_SLOTS + i * MS_WORDS
        more[row, m + MS_FLAGS] = 0
        more[row, m + MS_KEY] = -1
        more[row, m + MS_ROW] = -1
        more[row, m + MS_EPOCH] = -1
        more[row, m + MS_WRITTEN] = -1
