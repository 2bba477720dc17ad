"""Tables of the kernel that makes pages: what each word of a row is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

Array = npt.NDArray[Any]

FIRST_ITEM_TERM, ITEM_TERMS = 7, 4
"""Inputs that are an item's own, whoever it is offered to: their terms of the logit are in `term_f`."""
CATEGORIES, FEATURES, INPUTS, OFFERED, CHOICES, PAGE = 6, 14, 14, 20, 25, 5
ANSWERS_MAX = 2048
"""Rows of the tables of answers and pages."""

# item and item_f: what the catalogue says of an item.
I_CATEGORY, I_STOCK, I_MIN_AGE, I_MARGIN_MICRO, I_POPULARITY_MICRO = range(5)  # what ranks, in millionths
(
    IF_LOG_PRICE, IF_DISCOUNT, IF_RETURN, IF_LOG_REVIEWS, IF_RATING, IF_LOG_LISTED, IF_SHIPPING, IF_POPULARITY,
) = range(8)  # fmt: skip
# user_f: what is true of a user; tastes from TASTE on.
UF_BUDGET, UF_DISCOUNT_SHARE, UF_TASTE = range(3)
# model_f: a row a version, 0 for none: mean, scale and weight of each input, then the intercept.
MF_INTERCEPT = 3 * INPUTS
# answer
(
    W_STREAM, W_NUMBER, W_ROW, W_MINUTE, W_BLOCK, W_VERSION, W_RULED, W_CLICKS, W_LOGGED, W_USER, W_MISSION,
) = range(11)  # fmt: skip  # the last two are the kernel's to fill
ANSWER_WORDS = 11
# rule: thresholds of the rules; how many items and users there are, and the last of these who visits.
R_MIN_STOCK, R_MAX_PER_CATEGORY, R_ITEMS, R_USERS, R_LAST_USER = range(5)
# seen: columns of a feature row, in the order of the contract.
(
    S_AGE, S_ACCOUNT_AGE, S_ORDER_VALUE, S_ORDERS, S_DISCOUNT_SHARE, S_RETURNS, S_VIEWS, S_RECENT_PRICE, S_INTEREST,
) = range(9)  # fmt: skip
# constant_f
CF_MISSION_SHARE, CF_LABEL_WINDOW, CF_LABEL_DELAY, CF_BLOCK_S, CF_BIAS = range(5)

DRAW_USER, DRAW_CANDIDATES, DRAW_CLICKS, DRAW_LABEL_DELAYS, DRAW_LOGGED = range(64, 69)
"""Purposes of draws of a request; those below 64 are a testbed's."""


class PageTables(NamedTuple):
    """Tables of the kernel: int64, or float64 where a name ends in `_f`. `seen_f`: a row for each user of each slot.

    edge_f: a row for each stratum of each minute, cumulative popularity. came_f: of each answer, seconds into its block
    of missions. turn_f, turn, turn_first, opening: the turns of these blocks (`missions.Turns`). offer, taken,
    vector_f: scratch. Of each answer come PAGE rows of `page` (item, clicked) and `page_f` (score, delay in s), and of
    those whose inputs are logged (W_LOGGED counts them, -1 for others) as many of `input_f`.
    """

    answer: Array
    came_f: Array
    activity_f: Array
    turn_f: Array
    turn: Array
    turn_first: Array
    opening: Array
    turned: Array
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
    term_f: Array
    offer: Array
    taken: Array
    vector_f: Array
    page: Array
    page_f: Array
    input_f: Array


# offer, a column for each item offered: which, its score in millionths, its rank (a whole number whose lowest bits
# are the place in the offer, above it the item, above it how far the value is from the best); then places in the offer:
# by rank, those that wait their turn behind other categories, and those of the page.
O_ITEM, O_MICRO, O_RANK, O_ORDER, O_WAITING, O_SHOWN = range(6)
OFFER_ROWS = 6
MICRO = 1e6
PLACE_BITS, ITEM_BITS, VALUE_BITS = 5, 15, 42
ITEMS_MAX, VALUE_MAX = 1 << ITEM_BITS, 1 << (VALUE_BITS - 1)
DROPPED = 1 << (PLACE_BITS + ITEM_BITS + VALUE_BITS)
# vector_f: the feature row, its logarithms, interest right now.
VF_LOG_ORDER_VALUE, VF_LOG_RECENT_PRICE, VF_ENTROPY, VF_LOG_VIEWS, VF_LOG_ORDERS = range(FEATURES, FEATURES + 5)
VF_INTEREST = FEATURES + 5
VF_AGE, VF_TERM_ENTROPY, VF_TERM_VIEWS, VF_TERM_ORDERS = range(VF_INTEREST + CATEGORIES, VF_INTEREST + CATEGORIES + 4)
VF_TERM_INTEREST = VF_TERM_ORDERS + 1
VECTOR_WORDS = VF_TERM_INTEREST + CATEGORIES


KINDS = {
    "answer": f"i{ANSWER_WORDS}", "came_f": "f", "activity_f": "f", "turn_f": "f", "turn": "i", "turn_first": "i",
    "opening": "i", "turned": "i", "item": "i5", "item_f": "f8", "user_f": f"f{UF_TASTE + CATEGORIES}",
    "model_f": f"f{MF_INTERCEPT + 1}", "default_f": "f", "seen_f": f"f{FEATURES}", "stratum": f"i{CHOICES}",
    "edge_f": f"f{CHOICES}", "rule": "i", "constant_f": "f", "term_f": f"f{ITEM_TERMS}",
    "offer": f"i{OFFERED}",
    "taken": "i", "vector_f": "f", "page": "i2", "page_f": "f2", "input_f": f"f{INPUTS}",
}  # fmt: skip
"""Of each table its numbers and how many a row."""
