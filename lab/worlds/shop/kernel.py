"""Pages and clicks of answers, one after the other, as a kernel: what is offered, how it scores, what is shown.

The same arithmetic as `features.model_inputs`, `training.Model.score`, `rules.apply_rules` and
`behaviour.click_probability`, which are there to be read; a test holds this to them.
"""

from __future__ import annotations

from math import exp, log, log1p, sqrt
from typing import Any, NamedTuple

import numpy.typing as npt

from lab.compiled import MASK, Kernel, kernel, load, signed, unsigned
from lab.draws import mix, request_key, word

Array = npt.NDArray[Any]

CATEGORIES, FEATURES, INPUTS, OFFERED, CHOICES, PAGE = 6, 14, 14, 20, 25, 5
ANSWERS_MAX = 2048
"""Rows of the tables of answers and pages."""

# item and item_f: what the catalogue says of an item.
I_CATEGORY, I_STOCK, I_MIN_AGE, I_MARGIN_MICRO = range(4)  # margin's ranking value in millionths
(
    IF_LOG_PRICE, IF_DISCOUNT, IF_RETURN, IF_LOG_REVIEWS, IF_RATING, IF_LOG_LISTED, IF_SHIPPING, IF_POPULARITY,
) = range(8)  # fmt: skip
# user_f: what is true of a user; tastes from TASTE on.
UF_BUDGET, UF_DISCOUNT_SHARE, UF_TASTE = range(3)
# model_f: a row a version, 0 for none: mean, scale and weight of each input, then the intercept.
MF_INTERCEPT = 3 * INPUTS
# answer
W_STREAM, W_NUMBER, W_USER, W_ROW, W_MINUTE, W_VERSION, W_RULED, W_MISSION, W_CLICKS = range(9)
ANSWER_WORDS = 9
# rule: thresholds of the rules.
R_MIN_STOCK, R_MAX_PER_CATEGORY = range(2)
# seen: columns of a feature row, in the order of the contract.
(
    S_AGE, S_ACCOUNT_AGE, S_ORDER_VALUE, S_ORDERS, S_DISCOUNT_SHARE, S_RETURNS, S_VIEWS, S_RECENT_PRICE, S_INTEREST,
) = range(9)  # fmt: skip
# constant_f
CF_MISSION_SHARE, CF_LABEL_WINDOW, CF_LABEL_DELAY, CF_BIAS = range(4)

(
    DRAW_USER, DRAW_CANDIDATES, DRAW_CLICKS, DRAW_LABEL_DELAYS, DRAW_BROWSED, DRAW_PRICES,
) = range(64, 70)  # fmt: skip
"""Purposes of draws of a request; those below 64 are a testbed's."""
_LANE = 0xDABA_0B6E_B093_22E3
_UNIT = 1.1102230246251565e-16
_MICRO = 1e6
_LAST = 1 << 62


class PageTables(NamedTuple):
    """Tables of the kernel: int64, or float64 where a name ends in `_f`. `seen_f`: a row for each user of each slot.

    edge_f: a row for each stratum of each minute, cumulative popularity. offer, offer_f, taken, vector_f: scratch. Of
    each answer come PAGE rows of `page` (item, clicked), `page_f` (score, delay in s) and `input_f`.
    """

    answer: Array
    item: Array
    item_f: Array
    user_f: Array
    model_f: Array
    default_f: Array
    seen_f: Array
    stratum: Array
    edge_f: Array
    rule: Array
    constant_f: Array
    offer: Array
    offer_f: Array
    taken: Array
    vector_f: Array
    page: Array
    page_f: Array
    input_f: Array


# offer: the items a page may choose from; then, in order, their ranks: whole numbers whose lowest bits are the place in
# the offer, above it the item, above it how far the value is from the best. offer_f: the items' inputs, then the score.
O_ITEM, O_RANK, O_SKIPPED = range(3)
OFFER_WORDS = 3
OF_SCORE = INPUTS
PLACE_BITS, ITEM_BITS, VALUE_BITS = 5, 15, 42
ITEMS_MAX, VALUE_MAX = 1 << ITEM_BITS, 1 << (VALUE_BITS - 1)
_DROPPED = 1 << (PLACE_BITS + ITEM_BITS + VALUE_BITS)
_PLACE = (1 << PLACE_BITS) - 1
# vector_f: the feature row, its logarithms, interest right now.
VF_LOG_ORDER_VALUE, VF_LOG_RECENT_PRICE, VF_ENTROPY, VF_LOG_VIEWS, VF_LOG_ORDERS = range(FEATURES, FEATURES + 5)
VF_INTEREST = FEATURES + 5
VECTOR_WORDS = VF_INTEREST + CATEGORIES


@kernel
def draw(first: int, lane: int) -> float:
    """One of the numbers side by side of a purpose (see `lab.draws.uniform`)."""
    return signed(mix((first + unsigned(lane) * _LANE) & MASK) >> 11) * _UNIT


@kernel
def understand(t: PageTables, a: int) -> None:
    """Fills `vector_f`: the row served with defaults for nulls, what the inputs need of it, the user's interest."""
    v, row = t.vector_f, t.answer[a, W_ROW]
    for i in range(FEATURES):
        value = t.default_f[i]
        if row >= 0:
            seen = t.seen_f[row, i]
            if seen == seen:  # noqa: PLR0124  what is not a number is null
                value = seen
        v[i] = value
    entropy = 0.0
    for c in range(CATEGORIES):
        v[S_INTEREST + c] = max(v[S_INTEREST + c], 1e-6)
        entropy -= v[S_INTEREST + c] * log(v[S_INTEREST + c])
    v[VF_ENTROPY] = entropy
    v[VF_LOG_ORDER_VALUE] = log(max(v[S_ORDER_VALUE], 0.01))
    v[VF_LOG_RECENT_PRICE] = log(max(v[S_RECENT_PRICE], 0.01))
    v[VF_LOG_VIEWS] = log1p(max(v[S_VIEWS], 0.0))
    v[VF_LOG_ORDERS] = log1p(max(v[S_ORDERS], 0.0))
    share = t.constant_f[CF_MISSION_SHARE]
    for c in range(CATEGORIES):
        v[VF_INTEREST + c] = (1.0 - share) * t.user_f[t.answer[a, W_USER], UF_TASTE + c]
    v[VF_INTEREST + t.answer[a, W_MISSION]] += share


@kernel
def put_inputs(t: PageTables, o: int, item: int) -> None:
    """Fills the inputs of an offered item, in the order of `INPUT_NAMES`."""
    v, of, inputs = t.vector_f, t.item_f, t.offer_f
    price = of[item, IF_LOG_PRICE]
    inputs[o, 0] = v[S_INTEREST + t.item[item, I_CATEGORY]]
    inputs[o, 1] = v[VF_ENTROPY]
    inputs[o, 2] = price - v[VF_LOG_ORDER_VALUE]
    inputs[o, 3] = abs(price - v[VF_LOG_ORDER_VALUE])
    inputs[o, 4] = abs(price - v[VF_LOG_RECENT_PRICE])
    inputs[o, 5] = v[S_DISCOUNT_SHARE] * of[item, IF_DISCOUNT]
    inputs[o, 6] = v[S_RETURNS] * of[item, IF_RETURN]
    inputs[o, 7] = of[item, IF_LOG_REVIEWS]
    inputs[o, 8] = of[item, IF_RATING]
    inputs[o, 9] = of[item, IF_LOG_LISTED]
    inputs[o, 10] = of[item, IF_SHIPPING]
    inputs[o, 11] = v[VF_LOG_VIEWS]
    inputs[o, 12] = v[VF_LOG_ORDERS]
    inputs[o, 13] = (v[S_AGE] - 38.0) / 20.0 * price


@kernel
def score_micro(t: PageTables, o: int, item: int, version: int) -> int:
    """The score of an offered item in millionths: click probability, or popularity where no model answered."""
    if version == 0:
        popularity: int = round(t.item_f[item, IF_POPULARITY] * _MICRO)
        return popularity
    model, inputs = t.model_f, t.offer_f
    logit = model[version, MF_INTERCEPT]
    for i in range(INPUTS):
        logit += (inputs[o, i] - model[version, 3 * i]) / model[version, 3 * i + 1] * model[version, 3 * i + 2]
    if logit < -700.0:  # of inputs far outside of what was learnt; exp would overflow
        return 0
    return round(1.0 / (1.0 + exp(-logit)) * _MICRO)


@kernel
def offered(t: PageTables, a: int, o: int, first: int) -> int:
    """The item of a stratum that is offered: by its popularity in that minute."""
    chance, edge = draw(first, o), t.answer[a, W_MINUTE] * OFFERED + o
    low, high = 0, CHOICES - 1
    while low < high:
        middle = (low + high) >> 1
        if chance > t.edge_f[edge, middle]:
            low = middle + 1
        else:
            high = middle
    item: int = t.stratum[o, low]
    return item


@kernel
def offer(t: PageTables, a: int) -> None:
    """Fills `offer`, ranks best first: what a filter drops comes last, ties go by item."""
    first = word(request_key(unsigned(t.answer[a, W_STREAM]), t.answer[a, W_NUMBER]), DRAW_CANDIDATES)
    version, ruled = t.answer[a, W_VERSION], t.answer[a, W_RULED]
    for o in range(OFFERED):
        item = offered(t, a, o, first)
        put_inputs(t, o, item)
        value = score_micro(t, o, item, version)
        t.offer[o, O_ITEM] = item
        t.offer_f[o, OF_SCORE] = value / _MICRO
        rank = 0
        if ruled != 0:
            value += t.item[item, I_MARGIN_MICRO]
            if t.item[item, I_STOCK] < t.rule[R_MIN_STOCK] or t.item[item, I_MIN_AGE] > t.vector_f[S_AGE]:
                rank = _DROPPED
        rank += ((((VALUE_MAX - value) << ITEM_BITS) | item) << PLACE_BITS) | o
        place = o
        while place > 0 and t.offer[place - 1, O_RANK] > rank:
            t.offer[place, O_RANK] = t.offer[place - 1, O_RANK]
            place -= 1
        t.offer[place, O_RANK] = rank


@kernel
def mark_skipped(t: PageTables, ruled: int) -> None:
    """Marks by rank what waits its turn behind other categories: all but the best few of each."""
    most = t.rule[R_MAX_PER_CATEGORY]
    for c in range(CATEGORIES):
        t.taken[c] = 0
    for r in range(OFFERED):
        rank = t.offer[r, O_RANK]
        t.offer[r, O_SKIPPED] = 0
        if ruled != 0 and rank < _DROPPED:
            category = t.item[t.offer[rank & _PLACE, O_ITEM], I_CATEGORY]
            if t.taken[category] >= most:
                t.offer[r, O_SKIPPED] = 1
            t.taken[category] += 1


@kernel
def click_chance(t: PageTables, user: int, item: int, place: int) -> float:
    """True probability that a user clicks an item at a place of a page."""
    of = t.item_f
    gap = of[item, IF_LOG_PRICE] - t.user_f[user, UF_BUDGET]
    bargain = t.user_f[user, UF_DISCOUNT_SHARE] * of[item, IF_DISCOUNT]
    logit = (
        -4.0
        + 3.4 * sqrt(t.vector_f[VF_INTEREST + t.item[item, I_CATEGORY]])
        - 0.75 * min(gap * gap, 4.0)
        + 2.0 * bargain
        + 0.55 * (of[item, IF_RATING] - 4.0)
        + 0.10 * (of[item, IF_LOG_REVIEWS] - 3.5)
        - 0.05 * (of[item, IF_SHIPPING] - 3.0)
    )
    chance: float = 1.0 / (1.0 + exp(-logit)) * t.constant_f[CF_BIAS + place]
    return chance


@kernel
def show(t: PageTables, a: int, place: int, o: int, clicks: int, delays: int) -> None:
    """Puts what is at `o` of the offer on the page, and what comes of it."""
    row, item = a * PAGE + place, t.offer[o, O_ITEM]
    delay_s = -log1p(-draw(delays, place)) * t.constant_f[CF_LABEL_DELAY]
    clicked = 0
    may_click = t.answer[a, W_CLICKS] != 0 and delay_s < t.constant_f[CF_LABEL_WINDOW]
    if may_click and draw(clicks, place) < click_chance(t, t.answer[a, W_USER], item, place):
        clicked = 1
    t.page[row, 0] = item
    t.page[row, 1] = clicked
    t.page_f[row, 0] = t.offer_f[o, OF_SCORE]
    t.page_f[row, 1] = delay_s
    for i in range(INPUTS):
        t.input_f[row, i] = t.offer_f[o, i]


@kernel
def fill(t: PageTables, a: int) -> None:
    """Fills the page of an answer: what is not skipped first; what was offered first at the end of too short a page."""
    key = request_key(unsigned(t.answer[a, W_STREAM]), t.answer[a, W_NUMBER])
    clicks, delays = word(key, DRAW_CLICKS), word(key, DRAW_LABEL_DELAYS)
    place = 0
    for skipped in range(2):
        for r in range(OFFERED):
            rank = t.offer[r, O_RANK]
            if place < PAGE and rank < _DROPPED and t.offer[r, O_SKIPPED] == skipped:
                show(t, a, place, rank & _PLACE, clicks, delays)
                place += 1
    for left in range(place, PAGE):
        show(t, a, left, 0, clicks, delays)


KINDS = {
    "answer": f"i{ANSWER_WORDS}", "item": "i4", "item_f": "f8", "user_f": f"f{UF_TASTE + CATEGORIES}",
    "model_f": f"f{MF_INTERCEPT + 1}", "default_f": "f", "seen_f": f"f{FEATURES}", "stratum": f"i{CHOICES}",
    "edge_f": f"f{CHOICES}", "rule": "i", "constant_f": "f", "offer": f"i{OFFER_WORDS}", "offer_f": f"f{INPUTS + 1}",
    "taken": "i", "vector_f": "f", "page": "i2", "page_f": "f2", "input_f": f"f{INPUTS}",
}  # fmt: skip
"""Of each table its numbers and how many a row."""


def make_pages(t: PageTables, count: int) -> int:
    """Makes the pages of the first `count` answers."""
    for a in range(count):
        understand(t, a)
        offer(t, a)
        mark_skipped(t, t.answer[a, W_RULED])
        fill(t, a)
    return count


def load_pages() -> Kernel:
    """The kernel, compiled where that is possible."""
    return load(make_pages, KINDS, "the shop's pages")
