"""The feature cache: what levers change of its entries, and what it measures. The entries are in the plane's tables."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams

if TYPE_CHECKING:
    from lab.content.protocol import StoreState
    from lab.injection.levers import CacheFreeze, CacheMixKeys

Array = npt.NDArray[Any]


class EntryCache:
    """Cached rows by key; `state` gives the store as it is now."""

    def __init__(self, state: Callable[[], StoreState], keys_count: int, streams: Streams) -> None:
        self._state = state
        self._share = streams.generator("cache-keys").random(keys_count)
        self._other = streams.generator("cache-mix").permutation(keys_count)
        self.frozen: CacheFreeze | None = None
        self.mixed: CacheMixKeys | None = None
        self._counted = (0, 0, 0)

    @property
    def ttl_ns(self) -> int:
        """The time to live of entries that are written from now on."""
        return self._state().ttl_ns

    @ttl_ns.setter
    def ttl_ns(self, value: int) -> None:
        self._state().ttl_ns = value

    def live(self, now_ns: int) -> Array:
        """Mask of the keys with an entry that has not expired."""
        store = self._state()
        return np.asarray((store.written_ns >= 0) & ((now_ns <= store.ends_ns) | (store.frozen > 0)))

    def freeze(self, value: CacheFreeze | None, now_ns: int) -> None:
        """Stops refresh and expiry for a share of the keys; None lets both work again.

        Expired entries do not come back. An entry that was frozen beyond its time to live expires when the freeze ends.
        """
        store, held = self._state(), self.live(now_ns)
        was, is_now = store.frozen > 0, self._share < (value.fraction if value else 0.0)
        store.written_ns[(was != is_now) & (was | ~held)] = -1
        store.frozen[:] = is_now
        self.frozen = value

    def mix(self, value: CacheMixKeys | None) -> None:
        """Makes a share of the keys answer with another key's entry; None puts them right."""
        self.mixed = value
        chosen = self._share < (value.fraction if value else 0.0)
        self._state().answers[:] = np.where(chosen, self._other, np.arange(len(chosen)))

    def flush(self) -> None:
        """Drops every entry."""
        self._state().written_ns[:] = -1

    def epochs(self, now_ns: int) -> Array:
        """Epochs of the rows that may still be served from here, one for each."""
        return np.asarray(self._state().epoch[self.live(now_ns)])

    def samples(self, now_ns: int) -> list[tuple[str, float]]:
        """(metric, value): hits, misses and expiries since the last samples, and how many entries there are."""
        store = self._state()
        due = (store.ends_ns <= now_ns) & (store.ends_ns > store.expired_until_ns)
        due &= (store.written_ns >= 0) & (store.frozen == 0)
        store.expired_count += int(np.count_nonzero(due))
        store.expired_until_ns = now_ns
        totals = (store.hits_count, store.misses_count, store.expired_count)
        since = [float(total - before) for total, before in zip(totals, self._counted, strict=True)]
        self._counted = totals
        names = ("cache.hit.count", "cache.miss.count", "cache.expired.count")
        return [*zip(names, since, strict=True), ("cache.entries", float(np.count_nonzero(self.live(now_ns))))]

    def copy(self, state: Callable[[], StoreState]) -> EntryCache:
        """One of the same settings over another store."""
        copied = copy.copy(self)
        copied._state = state
        return copied
