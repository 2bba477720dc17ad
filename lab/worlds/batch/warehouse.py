"""The warehouse: four weeks of partitions, and what features follow from them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.batch.features import features_of
from lab.worlds.batch.tables import Table, filled
from lab.worlds.batch.vocabulary import COUNTRY, KEY, NO_KEY, WINDOW_DAYS

Array = npt.NDArray[Any]
SUMMED = ("orders", "amount", "discounted", "visits")


class Warehouse:
    """`partitions` by the day on which they were written: sums (4, customers) as in SUMMED. `last_order` (customers,):
    the day of the last order that it knows of."""

    def __init__(self, partitions: Mapping[int, Array], last_order: Array) -> None:
        self.partitions = dict(partitions)
        self.last_order = last_order
        self._summed: dict[int, Array] = {}
        self._total = np.zeros((len(SUMMED), len(last_order)))

    def load(self, day: int, orders: Table, visits: Table, of_day: int) -> None:
        """Puts what was extracted on a day, of the source's day `of_day`, in the place of what it put there before."""
        room = len(self.last_order)
        sums = np.zeros((len(SUMMED), room))
        for table, names in ((orders, SUMMED[:3]), (visits, SUMMED[3:])):
            known = _known(table[KEY], room)
            customers = table[KEY][known]
            for name in names:
                sums[SUMMED.index(name)] = np.bincount(customers, filled(table[name][known]), room)
        self.partitions[day] = sums
        self.partitions.pop(day - WINDOW_DAYS, None)
        bought = sums[0] > 0
        self.last_order = np.where(bought, np.maximum(self.last_order, of_day), self.last_order)

    def features(self, day: int, customers: Table, rates: Array, survey: Array) -> dict[str, Array]:
        """Features as of a day of the customers whose keys join. rates: euros of a unit of money, by country, the last
        where there is none. survey (customers,): as in the column."""
        joins = _known(customers[KEY], len(survey))
        numbers = customers[KEY][joins]
        country = customers[COUNTRY][joins]
        numbered = features_of(
            self._sums(day).take(numbers, axis=1), day - self.last_order[numbers],
            filled(customers["since_days"][joins]), rates[country], survey[numbers],
        )  # fmt: skip
        return {KEY: numbers, COUNTRY: country, **numbered}

    def _sums(self, day: int) -> Array:
        """Of the partitions of the four weeks up to a day: those of the last time, without what has gone since."""
        wanted = {one: of for one, of in self.partitions.items() if day - WINDOW_DAYS < one <= day}
        for one, of in self._summed.items():
            if wanted.get(one) is not of:
                self._total = self._total - of
        for one, of in wanted.items():
            if self._summed.get(one) is not of:
                self._total = self._total + of
        self._summed = wanted
        return self._total

    def copy(self) -> Warehouse:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied.partitions = dict(self.partitions)
        return copied


def _known(keys: Array, customers: int) -> Array:
    """Mask of the keys (n,) that are somebody's, where there are so many customers."""
    return np.asarray((keys > NO_KEY) & (keys < customers))
