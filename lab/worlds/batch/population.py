"""Customers: who they are, when they signed up, and what they are like from day to day.

Days are counted from the first of a scenario, 0; those before are negative. Who a customer is follows from the world's
seed. A customer's type changes: people lapse, come back, and the new ones become something else.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.draws import normals, stream_key, uniforms
from lab.streams import Streams
from lab.worlds.batch.vocabulary import LAPSING, NEW, SEGMENTS

Array = npt.NDArray[Any]

HISTORY_DAYS = 70
"""Days before the first of a scenario through which the customers lived."""
SIGN_UPS_SHARE = 0.0022
"""Customers who sign up in a day, of those who are there at day 0."""
NEW_DAYS = 45
"""So long a customer is new."""
DAY_STRIDE = 1 << 24
"""More than there are customers: numbers of a customer's draws of different days lie apart by it."""
_SHARES = np.array([0.29, 0.29, 0.24, 0.0, 0.18])
"""Of types, among customers who are not new."""
_COUNTRY_SHARES = np.array([0.30, 0.20, 0.15, 0.15, 0.10, 0.10])
_LAPSE, _RETURN = 0.004, 0.015
"""Chances of a day."""
_ROOM = 1.6
"""There is room for so many times the customers of day 0."""
WRONG_ANSWERS = 0.04
"""Share of the survey's customers whom it takes for something else."""
OPENING_DAYS = 14
"""So long after a market opens many sign up there."""


class Population:
    """Customers by number, in the order in which they signed up; `types` (customers,) as of `day`.

    country, rate, basket, visiting, thrift (customers,): what does not change. since_day: when they signed up, for
    those who did by now. `count`: how many did. `growth`: what sign-ups are multiplied by. `markets`: of each further
    country that is open, by number, since which day, and how many sign up in all.
    """

    def __init__(self, seed: int, customers: int) -> None:
        streams = Streams(seed)
        self.sign_ups = customers * SIGN_UPS_SHARE
        earlier = round(self.sign_ups * HISTORY_DAYS)
        room = round(customers * _ROOM)
        key, numbers = stream_key(streams, "customers"), np.arange(room)
        drawn = uniforms(key, numbers, 0, 10)
        traits = normals(drawn[:, :4])
        self.rate, self.basket, self.visiting = (np.exp(s * traits[:, i]) for i, s in enumerate((0.45, 0.3, 0.4)))
        self.thrift = 0.8 * traits[:, 3]
        self.country = _chosen(_COUNTRY_SHARES, drawn[:, 4]).astype(np.int8)
        self.is_surveyed = drawn[:, 5] < 0.2
        self._market_draw = drawn[:, 6]
        self._errs = drawn[:, 9] < WRONG_ANSWERS
        self.since_day = np.full(room, np.iinfo(np.int32).max, np.int32)
        old = customers - earlier
        self.since_day[:old] = -HISTORY_DAYS - 1 - (900 * drawn[:old, 7]).astype(np.int32)
        # Those who signed up during the history did so evenly, in order of their numbers.
        self.since_day[old:customers] = -HISTORY_DAYS + np.arange(earlier) * HISTORY_DAYS // max(earlier, 1)
        self.types = np.where(self.since_day < -HISTORY_DAYS, _chosen(_SHARES, drawn[:, 8]), NEW).astype(np.int8)
        self.day = -HISTORY_DAYS - 1
        self.count = self.first_count = customers
        self._signed_up = float(customers)
        self._counts: dict[int, int] = {}
        self.growth = 1.0
        self.markets: dict[int, tuple[int, float]] = {}

    @property
    def room(self) -> int:
        """So many customers there may be at most."""
        return len(self.since_day)

    def advance(self, day: int, streams: Streams) -> None:
        """Lives through the days up to `day`: sign-ups, and types that change by draws of `streams`."""
        while self.day < day:
            self.day += 1
            if self.day >= 0:
                self._sign_up()
            self._change_types(streams)

    def open_market(self, country: int, share: float) -> None:
        """From the next day on people of a further country sign up: in two weeks this share of all customers, then
        that share of those who sign up."""
        self.markets = {**self.markets, country: (self.day + 1, share)}

    def close_market(self, country: int) -> None:
        """Nobody signs up there any more."""
        self.markets = {one: market for one, market in self.markets.items() if one != country}

    def surveyed(self, day: int) -> Array:
        """By customer what the survey found them to be, from 1, as of now; 0 of those who are not in it."""
        asked = np.flatnonzero(self.is_surveyed[: self.count] & (self.since_day[: self.count] <= day))
        types = self.types[asked]
        found = np.zeros(self.count, np.int64)
        found[asked] = 1 + np.where(self._errs[asked], (types + 1) % len(SEGMENTS), types)
        return found

    def _sign_up(self) -> None:
        own = self.sign_ups * self.growth
        abroad = {
            country: share * (self.first_count / OPENING_DAYS if self.day - since < OPENING_DAYS else self.sign_ups)
            for country, (since, share) in self.markets.items()
        }
        total = own + sum(abroad.values())
        self._signed_up = min(self._signed_up + total, float(self.room))
        mine = slice(self.count, round(self._signed_up))
        self.since_day[mine] = self.day
        below, drawn = own / total, self._market_draw[mine]
        for country, expected in abroad.items():
            self.country[mine] = np.where(drawn >= below, country, self.country[mine])
            below += expected / total
        self.count = mine.stop
        self._counts = {**self._counts, self.day: self.count}

    def counted(self, day: int) -> int:
        """How many had signed up before a day, as far as it is known by now."""
        return self._counts.get(min(day - 1, self.day), self.first_count)

    def _change_types(self, streams: Streams) -> None:
        here = np.flatnonzero(self.since_day[: self.count] <= self.day)
        types = self.types[here]
        key, numbers = stream_key(streams, "types"), numbers_of(here, self.day)
        drawn = uniforms(key, numbers, 0, 1)[:, 0]
        lapsed = (drawn < _LAPSE) & (types != NEW)
        back = (types == LAPSING) & (drawn > 1 - _RETURN)
        grown = (types == NEW) & (self.day - self.since_day[here] > NEW_DAYS)
        self.types[here[lapsed]] = LAPSING
        others = np.flatnonzero(back | grown)
        place = uniforms(key, numbers[others], 0, 2)[:, 1] * 3
        self.types[here[others]] = np.array([0, 1, 4], np.int8)[np.minimum(place.astype(np.int64), 2)]

    def copy(self) -> Population:
        """One that goes on for itself."""
        copied = copy.copy(self)
        for name in ("types", "country", "since_day"):
            setattr(copied, name, getattr(self, name).copy())
        return copied


def numbers_of(customers: Array, day: int) -> Array:
    """The numbers of what is drawn for customers (n,) on a day."""
    return np.asarray(customers + (day + (1 << 12)) * DAY_STRIDE)


def _chosen(shares: Array, drawn: Array) -> Array:
    """Places drawn by shares that sum to one."""
    return np.minimum(np.searchsorted(np.cumsum(shares), drawn, side="right"), len(shares) - 1)
