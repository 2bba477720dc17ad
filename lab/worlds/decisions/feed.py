"""The payments job's side: what happened since its last run, made into rows of cards and merchants."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.aggregates import Aggregates, master_data
from lab.worlds.decisions.payments import Payers
from lab.worlds.decisions.population import Population

Array = npt.NDArray[Any]

PAST_H = 600.0
"""Hours of payments before a run that the first rows tell of."""
PAST_BLOCK = 50_000
_CAUGHT, _TROUBLED = 0.4, 0.002
"""Shares of fraud and of genuine payments that were declined in the past."""


class Feed:
    """Aggregates as of `now_ns`, and payments and known fraud that they do not tell of yet."""

    def __init__(self, population: Population, hour_ns: int, now_ns: int) -> None:
        self.aggregates = Aggregates(population)
        self.cards, self.merchants = master_data(population)
        self._hour_ns = hour_ns
        self._now_ns = now_ns
        self._paid: list[tuple[Array, ...]] = []
        self._known: list[tuple[Array, Array]] = []

    def live_through(self, payers: Payers, key: int, per_hour: float) -> None:
        """Takes in the payments of PAST_H hours before now, and their fraud as far as it was reported."""
        count = round(per_hour * PAST_H)
        now_h = self._now_ns / self._hour_ns
        for first in range(0, count, PAST_BLOCK):
            numbers = np.arange(first, min(first + PAST_BLOCK, count))
            at_h = now_h - PAST_H + (numbers + 0.5) / per_hour
            paid = payers.draw(key, numbers, at_h)
            declined = np.mod(numbers * 0.6180339887498949, 1.0) < np.where(paid.is_fraud, _CAUGHT, _TROUBLED)
            self.aggregates.pay(paid.card, paid.merchant, paid.amount_eur, declined, now_h - at_h)
            reported = np.isfinite(paid.report_h)
            known_ns = np.rint((at_h + np.where(reported, paid.report_h, 0.0)) * self._hour_ns).astype(np.int64)
            self._known.append((known_ns[reported], paid.merchant[reported]))
        self.run(self._now_ns)

    def paid(self, card: Array, merchant: Array, cents: Array, is_declined: Array, time_ns: Array) -> None:
        """Payments that were asked for."""
        self._paid.append((card, merchant, cents, is_declined, time_ns))

    def known(self, merchant: Array, time_ns: Array) -> None:
        """Fraud that becomes known, now or later."""
        self._known.append((time_ns, merchant))

    def reports_to_come(self) -> list[tuple[float, int]]:
        """Fraud of the past that becomes known later: in how many hours from now, at which merchant."""
        when_ns, where = map(np.concatenate, zip(*self._known, strict=True)) if self._known else (np.zeros(0),) * 2
        return list(zip(((when_ns - self._now_ns) / self._hour_ns).tolist(), where.tolist(), strict=True))

    def run(self, now_ns: int) -> tuple[Array, Array]:
        """Writes the rows as of now; which cards and which merchants something happened to."""
        self.aggregates.decay((now_ns - self._now_ns) / self._hour_ns)
        self._now_ns = now_ns
        cards = merchants = np.zeros(0, np.int64)
        if self._paid:
            cards, merchants, cents, declined, time_ns = map(np.concatenate, zip(*self._paid, strict=True))
            self.aggregates.pay(cards, merchants, cents / 100.0, declined, (now_ns - time_ns) / self._hour_ns)
        self._paid = []
        where = np.zeros(0, np.int64)
        if self._known:
            when_ns, where = map(np.concatenate, zip(*self._known, strict=True))
            is_due = when_ns <= now_ns
            self._known = [(when_ns[~is_due], where[~is_due])]
            where = where[is_due]
            self.aggregates.report(where, (now_ns - when_ns[is_due]) / self._hour_ns)
        self.aggregates.write(self.cards, self.merchants)
        return cards, np.concatenate([merchants, where])

    def copy(self) -> Feed:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied.aggregates = self.aggregates.copy()
        copied.cards, copied.merchants = self.cards.copy(), self.merchants.copy()
        copied._paid, copied._known = list(self._paid), list(self._known)
        return copied
