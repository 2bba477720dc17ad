"""A message's way over a link, and what faults make of it."""

from __future__ import annotations

from lab.compiled import high32, kernel, low32
from lab.draws import word
from lab.testbeds.sim.plane.layout import *
from lab.testbeds.sim.plane.samplers import draw, standard_normal

LOST, RESET_AT_ONCE = -1, -2
"""In the place of a passage time."""


@kernel
def passage(t: Tables, link: int, key: int, back: int) -> int:
    """The time (ns) of a call's request, or of its answer, over a link without faults."""
    mean = t.link_f[link, LF_MEAN]
    if mean <= 0.0:
        return 0
    bits = word(key, U_PASSAGE)
    uniform = low32(bits) if back else high32(bits)
    return int(min(draw(t, t.link[link, L_SAMPLER], uniform) * mean, LONGEST_DRAWN) + 0.5)


@kernel
def is_cut(t: Tables, link: int, key: int, other_way: int) -> int:
    """Whether a call's message is lost; `other_way` is the one direction whose cut does not concern it."""
    share = t.link[link, L_CUT]
    if share > 0 and t.link[link, L_CUT_DIRECTION] != other_way:
        return 1 if high32(word(key, U_CUT)) < share else 0
    return 0


@kernel
def impaired(t: Tables, l: int, key: int, now: int, delay: int) -> int:
    """The passage time (ns) of a request over a faulty link, given the one without faults; LOST, RESET_AT_ONCE."""
    link = t.link
    if is_cut(t, l, key, CUT_RESPONSE):
        return LOST
    if link[l, L_RESET] > 0 and high32(word(key, U_RESET)) < link[l, L_RESET]:
        return RESET_AT_ONCE
    if link[l, L_DELAY] > 0:
        bits = word(key, U_DELAY)
        if high32(bits) < link[l, L_DELAY]:
            jitter = int(link[l, L_JITTER_NS] * standard_normal(low32(bits)))
            more = link[l, L_DELAY_NS] + jitter
            if more > 0:
                delay += more
    if link[l, L_DROP] > 0 and high32(word(key, U_DROP)) < link[l, L_DROP]:
        delay += link[l, L_DROP_NS]
    if link[l, L_BYTE_NS] > 0:
        link[l, L_FREE_AT] = min(max(link[l, L_FREE_AT], now) + link[l, L_BYTE_NS], LONGEST)
        delay += link[l, L_FREE_AT] - now
    return delay


@kernel
def is_answer_lost(t: Tables, link: int, key: int) -> int:
    """Whether a call's answer is dropped on a faulty link."""
    return is_cut(t, link, key, CUT_REQUEST)
