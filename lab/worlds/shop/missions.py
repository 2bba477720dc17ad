"""What shoppers are after: for some minutes one category fills most of their interest.

A shopper turns to another category at the times of a Poisson process, which is drawn by blocks of time, each for
itself: any time can be asked for, in any order, and memory does not grow with the length of a run.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.kit.groups import groups
from lab.worlds.shop.behaviour import MISSION_MEAN_S
from lab.worlds.shop.catalog import Catalog
from lab.worlds.shop.features import CATEGORIES

if TYPE_CHECKING:
    from lab.injection.levers import PopulationTastes

Array = npt.NDArray[Any]

BLOCK_S = 1200.0
_BLOCKS_KEPT = 4


class _Turns(NamedTuple):
    """The turns of a block in order of user and time: `user * BLOCK_S + seconds` and category; first of each user."""

    keys: Array
    category: Array
    first: Array


class Turns(NamedTuple):
    """The turns of some blocks, one block after the other, as a kernel reads them.

    keys, category: as in a block. first: by block and user, the place of their first turn, with one more at the end of
    each block. opening: by block and user, the category as the block begins.
    """

    keys: Array
    category: Array
    first: Array
    opening: Array


class Missions:
    """Which category each user is after at each time: exponential lengths, drawn in proportion to taste.

    Missions begin at `start_s`. `changed`: the tastes that are in force in place of the users' own. `turned`: by how
    many categories these turn each user.
    """

    def __init__(self, catalog: Catalog, streams: Streams, start_s: float) -> None:
        self._start_s = start_s
        self._streams = streams
        self._edges = np.cumsum(catalog.taste, axis=1)[:, :-1]
        self._blocks: dict[int, _Turns] = {}
        self.turned = np.zeros(catalog.users_count, np.int64)
        self.changed: PopulationTastes | None = None

    def at(self, users: Array, times_s: Array) -> Array:
        """Mission category of each (user, time); before the start as at the start."""
        block, seconds = self.blocks(times_s)
        mission = np.empty(len(users), np.int64)
        for number, chosen in groups(block):
            mission[chosen] = self._within(number, users[chosen], seconds[chosen])
        return np.asarray((mission + self.turned[users]) % len(CATEGORIES))

    def blocks(self, times_s: Array) -> tuple[Array, Array]:
        """The number of the block that each time is in, and the seconds from its beginning."""
        since_s = np.maximum(times_s - self._start_s, 0.0)
        block = (since_s // BLOCK_S).astype(np.int64)
        return block, since_s - block * BLOCK_S

    def turns(self, first: int, last: int) -> Turns:
        """The turns of the blocks from a first to a last one."""
        found, users = [], np.arange(len(self.turned))
        end_s, length = np.full(len(users), np.nextafter(BLOCK_S, 0.0)), 0
        for number in range(first, last + 1):
            opening = self._within(number - 1, users, end_s) if number else np.zeros(len(users), np.int64)
            turns = self._turns(number)
            places = np.append(turns.first, len(turns.keys)) + length
            length += len(turns.keys)
            found.append(Turns(turns.keys, turns.category, places, opening))
        return Turns(*map(np.concatenate, zip(*found, strict=True)))

    def change(self, value: PopulationTastes | None, streams: Streams) -> None:
        """Turns a `fraction` of the users to other categories; None turns them back."""
        self.changed = value
        share = streams.generator("changed-tastes").random(len(self.turned))
        self.turned = np.where(share < (value.fraction if value else 0.0), len(CATEGORIES) // 2, 0)

    def copy(self) -> Missions:
        """One that changes for itself."""
        copied = copy.copy(self)
        copied._blocks = dict(self._blocks)
        return copied

    def _within(self, number: int, users: Array, seconds: Array) -> Array:
        """The category as of `seconds` into a block; where a user has not turned there yet, as of its beginning."""
        turns = self._turns(number)
        place = np.searchsorted(turns.keys, users * BLOCK_S + seconds, side="right") - 1
        before = place < turns.first[users]
        category = turns.category[np.maximum(place, 0)]
        if before.any():
            # The first block has a turn of everyone at its beginning.
            users = users[before]
            category[before] = self._within(number - 1, users, np.full(len(users), np.nextafter(BLOCK_S, 0.0)))
        return np.asarray(category)

    def _turns(self, number: int) -> _Turns:
        if number not in self._blocks:
            while len(self._blocks) >= _BLOCKS_KEPT:
                del self._blocks[min(self._blocks)]
            self._blocks[number] = self._drawn(number)
        return self._blocks[number]

    def _drawn(self, number: int) -> _Turns:
        rng = self._streams.generator("missions", number)
        count = rng.poisson(BLOCK_S / MISSION_MEAN_S, len(self._edges))
        seconds = rng.random(int(count.sum())) * BLOCK_S
        users = np.arange(len(self._edges))
        keys = np.repeat(users, count) * BLOCK_S + seconds
        if number == 0:
            keys, count = np.concatenate([keys, users * BLOCK_S]), count + 1
        keys.sort()
        picked = rng.random(len(keys))
        category = (picked[:, None] > self._edges[np.repeat(users, count)]).sum(axis=1)
        return _Turns(keys, category, np.cumsum(count) - count)
