"""Pages and clicks of answers, one after the other, as a kernel: what is offered, how it scores, what is shown.

The same choices as those of `candidates` and `rules.apply_rules`, which are there to be read:
a test holds this to them.
"""

from __future__ import annotations

from math import log1p

from lab.compiled import MASK, Kernel, kernel, load, signed, unsigned
from lab.draws import mix, request_key, word
from lab.worlds.shop.page_tables import *
from lab.worlds.shop.scoring import click_chance, put_inputs, score_micro, understand, weigh_user

_LANE = 0xDABA_0B6E_B093_22E3
_UNIT = 1.1102230246251565e-16
NOT_A_NUMBER = float("nan")


@kernel
def draw(first: int, lane: int) -> float:
    """One of the numbers side by side of a purpose (see `lab.draws.uniform`)."""
    return signed(mix((first + unsigned(lane) * _LANE) & MASK) >> 11) * _UNIT


@kernel
def who(t: PageTables, key: int) -> int:
    """The user who makes a request of this key: by how active they are (`visits.Visits.users`)."""
    chance, low, high = draw(word(key, DRAW_USER), 0), 0, t.rule[R_LAST_USER]
    while low < high:
        middle = (low + high) >> 1
        if t.activity_f[middle] <= chance:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def mission(t: PageTables, a: int, user: int) -> int:
    """The category that a user is after when the answer's request comes (`missions.Missions.at`)."""
    block, users = t.answer[a, W_BLOCK], t.rule[R_USERS]
    row = block * (users + 1) + user
    place, until = t.turn_first[row], t.turn_first[row + 1]
    wanted = user * t.constant_f[CF_BLOCK_S] + t.came_f[a]
    category: int = t.opening[block * users + user]
    while place < until and t.turn_f[place] <= wanted:
        category = t.turn[place]
        place += 1
    category += t.turned[user]
    if category >= CATEGORIES:
        category -= CATEGORIES
    return category


@kernel
def choose(t: PageTables, a: int, first: int) -> None:
    """Fills O_ITEM: the item of each stratum that is offered, by its popularity in that minute."""
    for o in range(OFFERED):
        chance, edge, choice = draw(first, o), t.answer[a, W_MINUTE] * OFFERED + o, 0
        for c in range(CHOICES - 1):
            choice += chance > t.edge_f[edge, c]
        t.offer[O_ITEM, o] = t.stratum[o, choice]


@kernel
def rank(t: PageTables, a: int) -> None:
    """Fills scores, ranks and order of what is offered: what a filter drops comes last, ties go by item."""
    version, ruled = t.answer[a, W_VERSION], t.answer[a, W_RULED]
    for o in range(OFFERED):
        item = t.offer[O_ITEM, o]
        value = score_micro(t, item, version)
        t.offer[O_MICRO, o] = value
        drop = 0
        if ruled != 0:
            value += t.item[item, I_MARGIN_MICRO]
            if t.item[item, I_STOCK] < t.rule[R_MIN_STOCK] or t.item[item, I_MIN_AGE] > t.vector_f[S_AGE]:
                drop = DROPPED
        t.offer[O_RANK, o] = drop + ((((VALUE_MAX - value) << ITEM_BITS) | item) << PLACE_BITS | o)
    for o in range(OFFERED):
        mine, before = t.offer[O_RANK, o], 0
        for other in range(OFFERED):  # counted, not sorted: nothing to guess wrong for a processor
            before += t.offer[O_RANK, other] < mine
        t.offer[O_ORDER, before] = o


@kernel
def fill(t: PageTables, a: int) -> None:
    """Fills O_SHOWN, the places of a page: best first, at first with the best few of each category only.

    What was offered first is at the end of too short a page.
    """
    most = t.rule[R_MAX_PER_CATEGORY] if t.answer[a, W_RULED] != 0 else OFFERED
    for c in range(CATEGORIES):
        t.taken[c] = 0
    place, r, waiting = 0, 0, 0
    while place < PAGE and r < OFFERED:
        o = t.offer[O_ORDER, r]
        if t.offer[O_RANK, o] < DROPPED:
            category = t.item[t.offer[O_ITEM, o], I_CATEGORY]
            if t.taken[category] < most:
                t.taken[category] += 1
                t.offer[O_SHOWN, place] = o
                place += 1
            else:
                t.offer[O_WAITING, waiting] = o
                waiting += 1
        r += 1
    r = 0
    while place < PAGE:
        t.offer[O_SHOWN, place] = t.offer[O_WAITING, r] if r < waiting else 0
        place += 1
        r += 1


@kernel
def show(t: PageTables, a: int, place: int, clicks: int, delays: int) -> None:
    """Writes what is at a place of the page, and what comes of it."""
    row, o = a * PAGE + place, t.offer[O_SHOWN, place]
    item = t.offer[O_ITEM, o]
    clicked, delay_s = 0, NOT_A_NUMBER
    if t.answer[a, W_CLICKS] != 0 and draw(clicks, place) < click_chance(t, t.answer[a, W_USER], item, place):
        drawn_s = -log1p(-draw(delays, place)) * t.constant_f[CF_LABEL_DELAY]
        if drawn_s < t.constant_f[CF_LABEL_WINDOW]:
            clicked, delay_s = 1, drawn_s
    t.page[row, 0] = item
    t.page[row, 1] = clicked
    t.page_f[row, 0] = t.offer[O_MICRO, o] / MICRO if t.answer[a, W_VERSION] > 0 else NOT_A_NUMBER
    t.page_f[row, 1] = delay_s
    if t.answer[a, W_LOGGED] >= 0:
        put_inputs(t, t.answer[a, W_LOGGED] * PAGE + place, item)


def make_pages(t: PageTables, count: int) -> int:
    """Makes the pages of the first `count` answers."""
    for a in range(count):
        key = request_key(unsigned(t.answer[a, W_STREAM]), t.answer[a, W_NUMBER])
        clicks, delays = word(key, DRAW_CLICKS), word(key, DRAW_LABEL_DELAYS)
        user = who(t, key)
        t.answer[a, W_USER] = user
        t.answer[a, W_MISSION] = mission(t, a, user)
        understand(t, a)
        weigh_user(t, t.answer[a, W_VERSION])
        choose(t, a, word(key, DRAW_CANDIDATES))
        rank(t, a)
        fill(t, a)
        for place in range(PAGE):
            show(t, a, place, clicks, delays)
    return count


def load_pages() -> Kernel:
    """The kernel, compiled where that is possible."""
    return load(make_pages, KINDS, "the shop's pages")
