"""Who pays what, and what of it is fraud: drawn for each payment by its number in its stream.

Time is in hours of the payers' lives; how many seconds of a system's clock an hour takes is the system's own. A payment
follows from its stream's key, its number and its time, so simulator, history and load generator draw the same.

Fraud comes in patterns (`PATTERNS`). Two of them are bursts: for some hours, fraudsters use the same few stolen cards
or pay at merchants that collude, which shows in what has lately happened on the card and at the merchant.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.draws import normals, stream_key, uniforms
from lab.streams import Streams
from lab.worlds.decisions.features import NIGHT_ENDS_HOUR, Asked
from lab.worlds.decisions.population import COUNTRIES, Population
from lab.worlds.decisions.registration import REPORT_MEDIAN_H

Array = npt.NDArray[Any]

FRAUD_SHARE = 0.008
PEOPLE = ("fraud",)
"""What a shift of the people who pay changes: how much of it is fraud."""
PATTERNS = ("stolen", "testing", "takeover", "collusion")
"""Stolen: dear goods on few cards. Testing: small amounts on few cards. Takeover: any card. Collusion: any card, at
few merchants."""
STOLEN, TESTING, TAKEOVER, COLLUSION = range(len(PATTERNS))
PATTERN_SHARE = np.array([0.40, 0.20, 0.15, 0.25])
_LOG_FACTOR = np.array([0.9, -1.6, 1.3, 0.4])
"""Log of what a fraudster pays, relative to what the card's owner would pay there."""
_NEW_DEVICE = np.array([0.5, 0.7, 0.8, 0.25])
_FOREIGN = np.array([0.35, 0.45, 0.3, 0.12])
_NIGHT = np.array([0.25, 0.3, 0.25, 0.12])
SPREAD = 0.55
"""Standard deviation of the log of an amount."""
MAX_AMOUNT_EUR = 20_000.0

BURST_H = 36.0
"""Hours for which a stolen card is in use."""
BURST_PAYMENTS = 10.0
"""Payments of a burst that a card has on average."""
COLLUSION_H = 240.0
COLLUDING = 4
"""Merchants that collude at a time."""

REPORTED_SHARE = 0.85
"""Fraud that a cardholder notices; the rest never becomes known."""
REPORT_SIGMA = 0.9
"""Hours from a payment to its chargeback are lognormal with this sigma."""

# What is drawn for a payment; purposes below 64 are a testbed's.
(
    DRAW_FRAUD, DRAW_PATTERN, DRAW_CARD, DRAW_MERCHANT, DRAW_AMOUNT, DRAW_DEVICE, DRAW_COUNTRY, DRAW_HOUR,
    DRAW_REPORT, DRAW_DELAY, DRAW_REVIEW,
) = range(64, 75)  # fmt: skip


class Payments(NamedTuple):
    """Payments by column (n,): who pays where and what, and what only the world knows of it.

    pattern: -1 for genuine ones. report_h: hours until the cardholder's chargeback, infinite where none comes.
    """

    card: Array
    merchant: Array
    amount_eur: Array
    hour: Array
    device: Array
    country: Array
    pattern: Array
    report_h: Array

    @property
    def asked(self) -> Asked:
        """What a payment itself says."""
        return Asked(self.amount_eur, self.hour, self.device, self.country)

    @property
    def is_fraud(self) -> Array:
        """Mask of those that are fraud."""
        return np.asarray(self.pattern >= 0)


class Payers:
    """Draws payments. `per_hour`: how many come on average, by which bursts are as long at any load."""

    def __init__(
        self, population: Population, streams: Streams, per_hour: float, report_median_h: float = REPORT_MEDIAN_H
    ) -> None:
        self._report_median_h = report_median_h
        self.population = population
        self._card = np.cumsum(population.activity)
        self._merchant = np.cumsum(population.popularity)
        self._risky = np.cumsum(population.risk)
        burst_share = FRAUD_SHARE * float(PATTERN_SHARE[STOLEN] + PATTERN_SHARE[TESTING])
        self._stolen_count = max(1, round(per_hour * BURST_H * burst_share / BURST_PAYMENTS))
        self._bursts = stream_key(streams, "bursts")
        self._collusions = stream_key(streams, "collusions")

    def draw(self, key: int, numbers: Array, at_h: Array, fraud_factor: float = 1.0) -> Payments:
        """Payments `numbers` (n,) of the stream with this key (64 bits), made at these hours (n,).

        `fraud_factor` multiplies how much of it is fraud.
        """
        n, people = len(numbers), self.population

        def one(purpose: int) -> Array:
            return uniforms(key, numbers, purpose, 1)[:, 0]

        is_fraud = one(DRAW_FRAUD) < FRAUD_SHARE * fraud_factor
        pattern = np.searchsorted(np.cumsum(PATTERN_SHARE)[:-1], one(DRAW_PATTERN), side="right")
        pattern[~is_fraud] = -1
        card = _chosen(self._card, one(DRAW_CARD))
        chosen = uniforms(key, numbers, DRAW_MERCHANT, 1)[:, 0]
        merchant = _chosen(self._merchant, chosen)
        self._misuse(is_fraud, pattern, at_h, one(DRAW_CARD), chosen, card, merchant)
        of = np.maximum(pattern, 0)
        factor = np.where(is_fraud, _LOG_FACTOR[of], 0.0)
        noise = normals(uniforms(key, numbers, DRAW_AMOUNT, 2))[:, 0]
        log_eur = people.log_usual_eur[card] + people.log_level[merchant] + factor + SPREAD * noise
        device, country = uniforms(key, numbers, DRAW_DEVICE, 2), uniforms(key, numbers, DRAW_COUNTRY, 2)
        hour = uniforms(key, numbers, DRAW_HOUR, 2)
        is_new = device[:, 0] < np.where(is_fraud, _NEW_DEVICE[of], people.new_device_share[card])
        is_abroad = country[:, 0] < np.where(is_fraud, _FOREIGN[of], people.foreign_share[card])
        is_night = hour[:, 0] < np.where(is_fraud, _NIGHT[of], people.night_share[card])
        abroad = (people.home_country[card] + 1 + (country[:, 1] * (COUNTRIES - 1)).astype(np.int64)) % COUNTRIES
        by_day = NIGHT_ENDS_HOUR + (hour[:, 1] * (24 - NIGHT_ENDS_HOUR)).astype(np.int64)
        delay_h = self._report_median_h * np.exp(REPORT_SIGMA * normals(uniforms(key, numbers, DRAW_DELAY, 2))[:, 0])
        is_reported = is_fraud & (one(DRAW_REPORT) < REPORTED_SHARE)
        assert len(card) == n
        return Payments(
            card=card,
            merchant=merchant,
            amount_eur=np.clip(np.round(np.exp(log_eur), 2), 0.5, MAX_AMOUNT_EUR),
            hour=np.where(is_night, (hour[:, 1] * NIGHT_ENDS_HOUR).astype(np.int64), by_day),
            device=np.where(is_new, 1 + (device[:, 1] * (1 << 30)).astype(np.int64), people.device[card]),
            country=np.where(is_abroad, abroad, people.home_country[card]),
            pattern=pattern,
            report_h=np.where(is_reported, delay_h, np.inf),
        )

    def _misuse(
        self, is_fraud: Array, pattern: Array, at_h: Array, card_draw: Array, merchant_draw: Array, card: Array,
        merchant: Array,
    ) -> None:  # fmt: skip
        """Puts in the place of genuine choices what fraudsters use and where."""
        fraud = np.flatnonzero(is_fraud)
        merchant[fraud] = _chosen(self._risky, merchant_draw[fraud])
        burst = np.flatnonzero((pattern == STOLEN) | (pattern == TESTING))
        place = (card_draw[burst] * self._stolen_count).astype(np.int64)
        card[burst] = self._lane(self._bursts, at_h[burst] / BURST_H, place, self._stolen_count, self._card)
        collusion = np.flatnonzero(pattern == COLLUSION)
        place = (merchant_draw[collusion] * COLLUDING).astype(np.int64)
        windows = at_h[collusion] / COLLUSION_H
        merchant[collusion] = self._lane(self._collusions, windows, place, COLLUDING, self._risky)

    @staticmethod
    def _lane(key: int, windows: Array, places: Array, count: int, cumulative: Array) -> Array:
        """What a window of time has in a place: drawn by the window's number."""
        # Windows of different places do not change at once.
        windows = np.floor(windows + places / count).astype(np.int64)
        drawn = np.empty(len(windows))
        for place in np.unique(places).tolist():
            mine = places == place
            drawn[mine] = uniforms(key, windows[mine], place, 1)[:, 0]
        return _chosen(cumulative, drawn)


def _chosen(cumulative: Array, chance: Array) -> Array:
    """Places in a cumulative distribution."""
    return np.minimum(np.searchsorted(cumulative, chance, side="right"), len(cumulative) - 1)
