"""The score of one payment as a kernel: its inputs from the rows that were served, then its version's trees.

The same arithmetic as `features.model_inputs` and `lab.agreed.trees.score`, which are there to be read; a test holds
this to them. Leaves are whole millionths of a logit, so the sum is exact; only the sigmoid is in floats.
"""

from __future__ import annotations

from math import exp, log, log1p
from typing import Any

from lab.compiled import kernel
from lab.worlds.decisions.features import *
from lab.worlds.decisions.score_tables import *

MICRO = 1e6


@kernel
def on_grid(value: float) -> float:
    """An input as the model knows it: a whole multiple of 1/1024, within limits."""
    cut = min(max(value, -INPUT_MAX), INPUT_MAX)
    return round(cut * GRID) / GRID


@kernel
def take(t: ScoreTables, seen_f: Any, row: int, default_f: Any, words: int, first: int) -> None:
    """Copies a row (-1: none) of a table to scratch, from `first` on, with defaults for nulls."""
    for i in range(words):
        value = default_f[i]
        if row >= 0:
            seen = seen_f[row, i]
            if seen == seen:  # noqa: PLR0124  what is not a number is null
                value = seen
        t.scratch_f[first + i] = value


@kernel
def understand(t: ScoreTables, amount_eur: float, hour: int, device: int, country: int) -> None:
    """Fills the inputs, in the order of `INPUT_NAMES`, from the rows in scratch and what the payment says."""
    s, card, merchant = t.scratch_f, S_CARD, S_MERCHANT
    log_amount = log(max(amount_eur, 0.01))
    usual = max(s[card + C_USUAL], 0.01)
    new, foreign, night = 0.0, 0.0, 0.0
    if s[card + C_DEVICE] >= 0.0 and s[card + C_DEVICE] != device:
        new = 1.0
    if s[card + C_COUNTRY] >= 0.0 and s[card + C_COUNTRY] != country:
        foreign = 1.0
    if hour < NIGHT_ENDS_HOUR:
        night = 1.0
    s[S_INPUT] = on_grid(log_amount)
    s[S_INPUT + 1] = on_grid(log_amount - log(usual))
    s[S_INPUT + 2] = on_grid(log_amount - log(max(s[merchant + M_AVERAGE], 0.01)))
    s[S_INPUT + 3] = on_grid(log1p(max(s[card + C_AGE], 0.0)))
    s[S_INPUT + 4] = new
    s[S_INPUT + 5] = foreign
    s[S_INPUT + 6] = on_grid(s[card + C_FOREIGN])
    s[S_INPUT + 7] = night
    s[S_INPUT + 8] = on_grid(log1p(max(s[card + C_PAYMENTS], 0.0)))
    s[S_INPUT + 9] = on_grid(log1p(max(s[card + C_SPENT], 0.0) / usual))
    s[S_INPUT + 10] = on_grid(log1p(max(s[card + C_DECLINES], 0.0)))
    s[S_INPUT + 11] = on_grid(log1p(max(s[merchant + M_AGE], 0.0)))
    s[S_INPUT + 12] = on_grid(log1p(max(s[merchant + M_PAYMENTS], 0.0)))
    s[S_INPUT + 13] = on_grid(s[merchant + M_DECLINES])
    s[S_INPUT + 14] = on_grid(s[merchant + M_FRAUD])


@kernel
def logit_micro(t: ScoreTables, version: int) -> int:
    """The sum of a version's trees for the inputs in scratch, in millionths."""
    first = t.version[version, V_FIRST]
    total: int = t.version[version, V_BASELINE]
    for i in range(t.version[version, V_COUNT]):
        at = t.root[first + i]
        compared = t.node[at, N_COMPARED]
        while compared >= 0:
            goes_left = t.scratch_f[S_INPUT + compared] <= t.threshold_f[at]
            at = t.node[at, N_LEFT] if goes_left else t.node[at, N_RIGHT]
            compared = t.node[at, N_COMPARED]
        total += t.node[at, N_MICRO]
    return total


@kernel
def probability_micro(logit: int) -> int:
    """The probability of a logit, both in millionths."""
    if logit < -700_000_000:  # exp would overflow
        return 0
    return round(1.0 / (1.0 + exp(-logit / MICRO)) * MICRO)


@kernel
def score(
    t: ScoreTables, version: int, amount_eur: float, hour: int, device: int, country: int, card: int, merchant: int
) -> int:
    """The score of a payment in millionths; `card` and `merchant`: rows of the tables (-1: none was served)."""
    take(t, t.card_f, card, t.card_default_f, CARD_WORDS, S_CARD)
    take(t, t.merchant_f, merchant, t.merchant_default_f, MERCHANT_WORDS, S_MERCHANT)
    understand(t, amount_eur, hour, device, country)
    return probability_micro(logit_micro(t, version))
