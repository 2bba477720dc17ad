"""The payments job's arithmetic: decayed counts and sums per card and per merchant, turned into feature columns."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.features import (
    C_AGE,
    C_COUNTRY,
    C_DECLINES,
    C_DEVICE,
    C_FOREIGN,
    C_PAYMENTS,
    C_SPENT,
    C_USUAL,
    CARD_FEATURES,
    M_AGE,
    M_AVERAGE,
    M_DECLINES,
    M_FRAUD,
    M_PAYMENTS,
    MERCHANT_FEATURES,
)
from lab.worlds.decisions.payments import FRAUD_SHARE, SPREAD
from lab.worlds.decisions.population import Population

Array = npt.NDArray[Any]

# Decayed sums by card and by merchant, with the hours after which 1/e is left.
A_PAYMENTS, A_SPENT, A_DECLINES = range(3)
CARD_MEMORY_H = np.array([12.0, 48.0, 48.0])
B_PAYMENTS, B_RECENT, B_DECLINES, B_KNOWN, B_FRAUD = range(5)
MERCHANT_MEMORY_H = np.array([24.0, 48.0, 48.0, 720.0, 720.0])
RATIO_PRIOR = 20.0
"""Payments of an average merchant that every ratio starts with."""
USUAL_DECLINES = 0.008


class Aggregates:
    """Decayed sums of what happened on cards and at merchants, as of one time."""

    def __init__(self, population: Population) -> None:
        self.cards = np.zeros((population.cards_count, len(CARD_MEMORY_H)))
        self.merchants = np.zeros((population.merchants_count, len(MERCHANT_MEMORY_H)))

    def copy(self) -> Aggregates:
        """One that changes for itself."""
        copied = copy.copy(self)
        copied.cards, copied.merchants = self.cards.copy(), self.merchants.copy()
        return copied

    def decay(self, hours: float) -> None:
        """Forgets for this long."""
        self.cards *= np.exp(-hours / CARD_MEMORY_H)
        self.merchants *= np.exp(-hours / MERCHANT_MEMORY_H)

    def pay(self, card: Array, merchant: Array, amount_eur: Array, is_declined: Array, age_h: Array) -> None:
        """Counts payments that were asked for `age_h` (n,) hours before the aggregate's time."""
        kept = np.exp(-age_h[:, None] / CARD_MEMORY_H)
        _add(self.cards, card, A_PAYMENTS, kept[:, A_PAYMENTS])
        _add(self.cards, card, A_SPENT, kept[:, A_SPENT] * np.where(is_declined, 0.0, amount_eur))
        _add(self.cards, card, A_DECLINES, kept[:, A_DECLINES] * is_declined)
        kept = np.exp(-age_h[:, None] / MERCHANT_MEMORY_H)
        _add(self.merchants, merchant, B_PAYMENTS, kept[:, B_PAYMENTS])
        _add(self.merchants, merchant, B_RECENT, kept[:, B_RECENT])
        _add(self.merchants, merchant, B_DECLINES, kept[:, B_DECLINES] * is_declined)
        _add(self.merchants, merchant, B_KNOWN, kept[:, B_KNOWN])

    def report(self, merchant: Array, age_h: Array) -> None:
        """Counts fraud at merchants that became known `age_h` (n,) hours before the aggregate's time."""
        _add(self.merchants, merchant, B_FRAUD, np.exp(-age_h / MERCHANT_MEMORY_H[B_FRAUD]))

    def write(self, cards: Array, merchants: Array) -> None:
        """Stores the job's columns into card rows and merchant rows (n, features)."""
        cards[:, C_PAYMENTS] = np.round(self.cards[:, A_PAYMENTS], 4)
        cards[:, C_SPENT] = np.round(self.cards[:, A_SPENT], 2)
        cards[:, C_DECLINES] = np.round(self.cards[:, A_DECLINES], 4)
        of = self.merchants
        merchants[:, M_PAYMENTS] = np.round(of[:, B_PAYMENTS], 4)
        merchants[:, M_DECLINES] = _ratio(of[:, B_DECLINES], of[:, B_RECENT], USUAL_DECLINES)
        merchants[:, M_FRAUD] = _ratio(of[:, B_FRAUD], of[:, B_KNOWN], FRAUD_SHARE)


def master_data(population: Population) -> tuple[Array, Array]:
    """Card rows and merchant rows (n, features) with the bank's columns; the job's are 0."""
    cards = np.zeros((population.cards_count, len(CARD_FEATURES)))
    cards[:, C_AGE] = population.card_age_days
    cards[:, C_COUNTRY] = population.home_country
    cards[:, C_DEVICE] = population.device
    cards[:, C_USUAL] = np.round(np.exp(population.log_usual_eur), 2)
    cards[:, C_FOREIGN] = np.round(population.foreign_share, 4)
    merchants = np.zeros((population.merchants_count, len(MERCHANT_FEATURES)))
    merchants[:, M_AGE] = population.merchant_age_days
    usual = float((population.log_usual_eur * population.activity).sum())
    merchants[:, M_AVERAGE] = np.round(np.exp(usual + population.log_level + SPREAD**2 / 2), 2)
    return cards, merchants


def _add(table: Array, rows: Array, column: int, values: Array) -> None:
    table[:, column] += np.bincount(rows, values, len(table))


def _ratio(part: Array, whole: Array, usual: float) -> Array:
    return np.asarray(np.round(np.minimum((part + RATIO_PRIOR * usual) / (whole + RATIO_PRIOR), 1.0), 6))
