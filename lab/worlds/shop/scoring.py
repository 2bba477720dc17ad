"""What a model says of an item and a user, and what the user does, for kernels that make pages.

The same arithmetic as `features.model_inputs`, `training.Model.score` and `behaviour.click_probability`, which are
there to be read; a test holds this to them.
"""

from __future__ import annotations

from math import exp, log, log1p, sqrt

from lab.compiled import kernel
from lab.worlds.shop.page_tables import *


@kernel
def term(t: PageTables, version: int, i: int, value: float) -> float:
    """What an input adds to the logit of a version's score."""
    row, at = t.model_f, 3 * i
    added: float = (value - row[version, at]) / row[version, at + 1] * row[version, at + 2]
    return added


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
    v[VF_AGE] = (v[S_AGE] - 38.0) / 20.0
    share = t.constant_f[CF_MISSION_SHARE]
    for c in range(CATEGORIES):
        v[VF_INTEREST + c] = (1.0 - share) * t.user_f[t.answer[a, W_USER], UF_TASTE + c]
    v[VF_INTEREST + t.answer[a, W_MISSION]] += share


@kernel
def weigh_user(t: PageTables, version: int) -> None:
    """Adds to `vector_f` the terms of a version's logit that are a user's whatever the item."""
    v = t.vector_f
    for c in range(CATEGORIES):
        v[VF_TERM_INTEREST + c] = term(t, version, 0, v[S_INTEREST + c])
    v[VF_TERM_ENTROPY] = term(t, version, 1, v[VF_ENTROPY])
    v[VF_TERM_VIEWS] = term(t, version, 11, v[VF_LOG_VIEWS])
    v[VF_TERM_ORDERS] = term(t, version, 12, v[VF_LOG_ORDERS])


@kernel
def logit(t: PageTables, item: int, version: int) -> float:
    """The logit of an item's score: terms in the order of `INPUT_NAMES`, for a sum of floats depends on it."""
    v, of, own = t.vector_f, t.item_f, version * t.rule[R_ITEMS] + item
    price = of[item, IF_LOG_PRICE]
    gap = price - v[VF_LOG_ORDER_VALUE]
    total: float = t.model_f[version, MF_INTERCEPT] + v[VF_TERM_INTEREST + t.item[item, I_CATEGORY]]
    total += v[VF_TERM_ENTROPY]
    total += term(t, version, 2, gap)
    total += term(t, version, 3, abs(gap))
    total += term(t, version, 4, abs(price - v[VF_LOG_RECENT_PRICE]))
    total += term(t, version, 5, v[S_DISCOUNT_SHARE] * of[item, IF_DISCOUNT])
    total += term(t, version, 6, v[S_RETURNS] * of[item, IF_RETURN])
    for i in range(ITEM_TERMS):
        total += t.term_f[own, i]
    total += v[VF_TERM_VIEWS]
    total += v[VF_TERM_ORDERS]
    total += term(t, version, 13, v[VF_AGE] * price)
    return total


@kernel
def score_micro(t: PageTables, item: int, version: int) -> int:
    """The score of an item in millionths: click probability, or popularity where no model answered."""
    micro: int = t.item[item, I_POPULARITY_MICRO]
    if version > 0:
        x = logit(t, item, version)
        micro = 0
        if x >= -700.0:  # else of inputs far outside of what was learnt; exp would overflow
            micro = round(1.0 / (1.0 + exp(-x)) * MICRO)
    return micro


@kernel
def click_chance(t: PageTables, user: int, item: int, place: int) -> float:
    """True probability that a user clicks an item at a place of a page."""
    of = t.item_f
    if t.item[item, I_STOCK] < 1:
        return 0.0
    gap = of[item, IF_LOG_PRICE] - t.user_f[user, UF_BUDGET]
    bargain = t.user_f[user, UF_DISCOUNT_SHARE] * of[item, IF_DISCOUNT]
    x = (
        -3.85
        + 3.1 * sqrt(t.vector_f[VF_INTEREST + t.item[item, I_CATEGORY]])
        - 1.0 * min(gap * gap, 4.0)
        + 2.0 * bargain
        + 0.8 * (of[item, IF_RATING] - 4.0)
        + 0.3 * (of[item, IF_LOG_REVIEWS] - 3.5)
        - 0.05 * (of[item, IF_SHIPPING] - 3.0)
    )
    chance: float = 1.0 / (1.0 + exp(-x)) * t.constant_f[CF_BIAS + place]
    return chance


@kernel
def put_inputs(t: PageTables, row: int, item: int) -> None:
    """Logs the model's inputs for an item on a page, in the order of `INPUT_NAMES`."""
    v, of, inputs = t.vector_f, t.item_f, t.input_f
    price = of[item, IF_LOG_PRICE]
    inputs[row, 0] = v[S_INTEREST + t.item[item, I_CATEGORY]]
    inputs[row, 1] = v[VF_ENTROPY]
    inputs[row, 2] = price - v[VF_LOG_ORDER_VALUE]
    inputs[row, 3] = abs(price - v[VF_LOG_ORDER_VALUE])
    inputs[row, 4] = abs(price - v[VF_LOG_RECENT_PRICE])
    inputs[row, 5] = v[S_DISCOUNT_SHARE] * of[item, IF_DISCOUNT]
    inputs[row, 6] = v[S_RETURNS] * of[item, IF_RETURN]
    inputs[row, 7] = of[item, IF_LOG_REVIEWS]
    inputs[row, 8] = of[item, IF_RATING]
    inputs[row, 9] = of[item, IF_LOG_LISTED]
    inputs[row, 10] = of[item, IF_SHIPPING]
    inputs[row, 11] = v[VF_LOG_VIEWS]
    inputs[row, 12] = v[VF_LOG_ORDERS]
    inputs[row, 13] = v[VF_AGE] * price
