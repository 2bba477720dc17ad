"""Generated history: past payments with the features that were served then, and the fraud that became known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.draws import stream_key
from lab.streams import Streams
from lab.worlds.decisions.aggregates import Aggregates, master_data
from lab.worlds.decisions.features import impute, model_inputs
from lab.worlds.decisions.payments import Payers
from lab.worlds.decisions.population import Population
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE

Array = npt.NDArray[Any]

PER_HOUR = 100
TICK_H = 2.0
LAG_TICKS = 3
"""Rows were served from caches: as of the last run of the job, or of one of the two before."""
WARM_TICKS = 200
WINDOW_TICKS = 800
RIPENING_H = 336.0
"""Payments whose fraud had this long to become known are in the training rows."""
_INCUMBENT = 2.6
"""The score at which the rules that were there before the model declined."""


@dataclass(frozen=True)
class History:
    """Payments of one window (n,): the model's inputs (n, inputs), rows as served, and whether fraud became known."""

    inputs: Array
    cards: Array
    merchants: Array
    is_known_fraud: Array


def generate_history(population: Population, seed: int, window: int) -> History:
    """Replays one window of payments through the world's own dynamics, with the job's ticks and caches."""
    streams = Streams(seed)
    # The windows lie one behind the other, long before any run.
    first_h = -1e6 + window * 1e4
    payers = Payers(population, streams, PER_HOUR)
    key = stream_key(streams, "history", window)
    lags = streams.generator("history-lags", window)
    aggregates = Aggregates(population)
    cards, merchants = master_data(population)
    aggregates.write(cards, merchants)
    seen = [(cards.copy(), merchants.copy())] * LAG_TICKS
    count = round(PER_HOUR * TICK_H)
    end_h = first_h + WINDOW_TICKS * TICK_H
    rows: list[tuple[Array, ...]] = []
    waiting: list[tuple[Array, Array]] = []  # fraud at a merchant that becomes known at an hour
    for tick in range(WINDOW_TICKS):
        now_h = first_h + (tick + 1) * TICK_H
        at_h = now_h - TICK_H * lags.random(count)
        paid = payers.draw(key, np.arange(tick * count, (tick + 1) * count), at_h)
        lag = lags.integers(0, LAG_TICKS, count)
        card = impute(np.stack([of[0] for of in seen])[lag, paid.card], CARD_TABLE)
        merchant = impute(np.stack([of[1] for of in seen])[lag, paid.merchant], MERCHANT_TABLE)
        inputs = model_inputs(paid.asked, card, merchant)
        known_h = at_h + paid.report_h
        if tick >= WARM_TICKS and now_h <= end_h - RIPENING_H:
            rows.append((inputs, card, merchant, known_h <= end_h))
        aggregates.decay(TICK_H)
        aggregates.pay(paid.card, paid.merchant, paid.amount_eur, _incumbent(inputs), now_h - at_h)
        reported = np.isfinite(known_h)
        waiting.append((known_h[reported], paid.merchant[reported]))
        when_h, where = (np.concatenate(column) for column in zip(*waiting, strict=True))
        is_known = when_h <= now_h
        aggregates.report(where[is_known], now_h - when_h[is_known])
        waiting = [(when_h[~is_known], where[~is_known])]
        aggregates.write(cards, merchants)
        seen = [*seen[1:], (cards.copy(), merchants.copy())]
    return History(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _incumbent(inputs: Array) -> Array:
    """What the rules before the model declined: dear for the card, on a new device, abroad, at night."""
    _, to_usual, _, _, is_new, is_foreign, _, is_night = inputs[:, :8].T
    return np.asarray(0.6 * np.clip(to_usual, -1, 3) + 1.2 * is_new + 0.8 * is_foreign + 0.5 * is_night > _INCUMBENT)
