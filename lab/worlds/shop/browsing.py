"""Browsing turned into features: one module for the simulator and for the stack's load and feed.

Shoppers browse at their own pace, whatever the load: what is known of them does not depend on how often they ask for
recommendations.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.behaviour import (
    BROWSED_PER_S,
    InterestAggregate,
    browsed_categories,
    browsed_prices,
    true_interest,
)
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.missions import Missions

Array = npt.NDArray[Any]

TICK_S = 10.0
"""How much of browsing is drawn at a time. Pages come at any time within it: nothing of the process follows from it."""


class Browsed(NamedTuple):
    """Pages that shoppers looked at (n,), in order of time: when (scenario s), who, of what category, at what price."""

    times_s: Array
    users: Array
    categories: Array
    log_prices: Array


class _Tick(NamedTuple):
    """What is looked at in one tick, as shoppers are now."""

    end_s: float
    browsed: Browsed


class Pages:
    """The pages that shoppers look at from `first_s` on: a Poisson process, drawn by ticks, each for itself.

    What shoppers look at follows from what they are after when it is settled: `settle` before that changes.
    """

    def __init__(self, catalog: Catalog, missions: Missions, streams: Streams, first_s: float) -> None:
        self._catalog = catalog
        self._missions = missions
        self._streams = streams
        self._first_s = self._settled_s = first_s
        self._activity = np.cumsum(catalog.activity)
        self._last = int(np.flatnonzero(catalog.activity)[-1])
        self._per_tick = BROWSED_PER_S * TICK_S * np.count_nonzero(catalog.activity)
        self._number = 0
        self._tick: _Tick | None = None
        self._held: list[Browsed] = []

    def until(self, until_s: float) -> Iterator[Browsed]:
        """What was looked at before `until_s` and not taken before, in order of time, tick by tick."""
        held, self._held = self._held, []
        yield from held
        while self._settled_s < until_s:
            yield self._next(until_s)

    def settle(self, until_s: float) -> None:
        """Keeps what was looked at before `until_s` for those who ask later; what comes after is yet to be seen."""
        self._held = list(self.until(until_s))
        if self._tick is not None:
            self._number, self._tick = self._number - 1, None

    def skip(self, until_s: float) -> None:
        """Leaves out what was looked at before `until_s`."""
        for _ in self.until(until_s):
            pass

    def copy(self, missions: Missions) -> Pages:
        """One that goes on for itself, with these missions."""
        copied = copy.copy(self)
        copied._missions, copied._held = missions, list(self._held)
        return copied

    def _next(self, until_s: float) -> Browsed:
        """What was looked at from where the last part ended to the end of its tick, or to `until_s`."""
        if self._tick is None:
            self._tick = self._drawn(self._number)
            self._number += 1
        tick, since_s = self._tick, self._settled_s
        self._settled_s = min(until_s, tick.end_s)
        if self._settled_s == tick.end_s:
            self._tick = None
        part = slice(*np.searchsorted(tick.browsed.times_s, [since_s, self._settled_s]).tolist())
        return Browsed(*(column[part] for column in tick.browsed))

    def _drawn(self, number: int) -> _Tick:
        rng = self._streams.generator("browsing", number)
        count = int(rng.poisson(self._per_tick))
        times_s = self._first_s + (number + np.sort(rng.random(count))) * TICK_S
        users = np.minimum(np.searchsorted(self._activity, rng.random(count), side="right"), self._last)
        uniforms, noise = rng.random(count), rng.standard_normal(count)
        categories = browsed_categories(true_interest(self._catalog, self._missions, users, times_s), uniforms)
        prices = browsed_prices(self._catalog, users, noise)
        return _Tick(self._first_s + (number + 1) * TICK_S, Browsed(times_s, users, categories, prices))


class Browsing:
    """The shoppers of a run as they browse from `first_s` on, and the feed's aggregate of it."""

    def __init__(self, catalog: Catalog, missions: Missions, streams: Streams, first_s: float) -> None:
        self.pages = Pages(catalog, missions, streams, first_s)
        self.aggregate = InterestAggregate(catalog)
        self._counted_s = first_s

    def count_until(self, until_s: float) -> list[Array]:
        """Brings the aggregate to `until_s`, with the pages looked at by then; who looked, in parts."""
        self.aggregate.decay(until_s - self._counted_s)
        self._counted_s = until_s
        looked = []
        for browsed in self.pages.until(until_s):
            ages_s = until_s - browsed.times_s
            self.aggregate.add(browsed.users, browsed.categories, browsed.log_prices, ages_s, 1.0)
            looked.append(browsed.users)
        return looked

    def copy(self, missions: Missions) -> Browsing:
        """One that goes on for itself, with these missions."""
        copied = copy.copy(self)
        copied.pages, copied.aggregate = self.pages.copy(missions), self.aggregate.copy()
        return copied
