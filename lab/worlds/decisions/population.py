"""Cards and merchants of a world: generated once from a world seed, the same for every run of the system."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams

Array = npt.NDArray[Any]

CARDS, MERCHANTS, COUNTRIES = 5000, 400, 12
CATEGORIES = ("groceries", "fuel", "restaurants", "fashion", "electronics", "travel", "digital", "gaming")
_SHARE = np.array([0.30, 0.12, 0.18, 0.12, 0.08, 0.05, 0.10, 0.05])
_LEVEL = np.array([-0.1, 0.2, -0.4, 0.4, 1.1, 1.4, -1.0, -0.6])
"""Log of a category's usual amount, relative to a card's."""
_RISK = np.array([-1.0, -0.5, -1.0, 0.2, 1.2, 0.8, 1.4, 1.2])
"""Log of how often fraudsters go to a category, relative to its share of payments."""


@dataclass(frozen=True)
class Population:
    """Columns by card (cards,) and by merchant (merchants,); shares are 0 to 1, `log_…_eur` natural logarithms.

    activity, popularity and risk: share of genuine payments, and of fraud, that is theirs. device: its number.
    """

    activity: Array
    home_country: Array
    device: Array
    card_age_days: Array
    log_usual_eur: Array
    night_share: Array
    foreign_share: Array
    new_device_share: Array
    category: Array
    popularity: Array
    risk: Array
    merchant_age_days: Array
    log_level: Array

    @property
    def cards_count(self) -> int:
        """How many cards there are."""
        return len(self.activity)

    @property
    def merchants_count(self) -> int:
        """How many merchants there are."""
        return len(self.popularity)


def make_population(seed: int, cards: int = CARDS, merchants: int = MERCHANTS) -> Population:
    """The cards and merchants of this seed."""
    of_cards = Streams(seed).generator("cards")
    activity = of_cards.lognormal(0.0, 0.6, cards)
    countries = 0.6 ** np.arange(COUNTRIES)
    of_merchants = Streams(seed).generator("merchants")
    category = of_merchants.choice(len(CATEGORIES), merchants, p=_SHARE)
    popularity = of_merchants.lognormal(0.0, 0.9, merchants)
    risk = popularity * np.exp(_RISK[category] + of_merchants.normal(0.0, 0.9, merchants))
    return Population(
        activity=activity / activity.sum(),
        home_country=of_cards.choice(COUNTRIES, cards, p=countries / countries.sum()),
        device=of_cards.integers(1, 1 << 30, cards),
        card_age_days=np.rint(np.clip(of_cards.lognormal(6.4, 0.9, cards), 5, 7000)),
        log_usual_eur=np.log(38.0) + 0.5 * of_cards.standard_normal(cards),
        night_share=of_cards.beta(1.5, 18.0, cards),
        foreign_share=of_cards.beta(1.0, 20.0, cards),
        new_device_share=of_cards.beta(1.0, 15.0, cards),
        category=category,
        popularity=popularity / popularity.sum(),
        risk=risk / risk.sum(),
        merchant_age_days=np.rint(np.clip(of_merchants.lognormal(7.0, 0.8, merchants), 30, 9000)),
        log_level=_LEVEL[category] + 0.25 * of_merchants.standard_normal(merchants),
    )


def active_count(count: int, time_scale: float) -> int:
    """How many of so many cards or merchants may be active at a time scale and keep up their own pace."""
    return min(count, max(1, round(count / time_scale)))


def active(population: Population, time_scale: float) -> Population:
    """The population of which only the first cards and merchants pay, are paid and are misused; the others rest."""
    cards = active_count(population.cards_count, time_scale)
    merchants = active_count(population.merchants_count, time_scale)
    return replace(
        population, activity=_first(cards, population.activity), popularity=_first(merchants, population.popularity),
        risk=_first(merchants, population.risk),
    )  # fmt: skip


def _first(count: int, shares: Array) -> Array:
    """Shares of the first of them, made whole again."""
    if count == len(shares):
        return shares
    kept = np.where(np.arange(len(shares)) < count, shares, 0.0)
    return np.asarray(kept / kept.sum())
