"""What the shop keeps per request of an arrival stream: who asked, what was served, what is still to be scored."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.base import Stream
from lab.worlds.shop.behaviour import BROWSED_PER_REQUEST, POSITION_BIAS
from lab.worlds.shop.catalog import STRATA, Catalog
from lab.worlds.shop.features import NAMES

Array = npt.NDArray[Any]

FROM_NOWHERE, FROM_CACHE, FROM_TABLE = range(3)
LABEL_DELAY_MEAN_S = 6.0


class Draws:
    """Everything random about the next requests of a stream, in order; however many are taken at a time.

    users, candidate_draws (n, strata), click_draws and delay_s (n, places), browse_draws and price_draws (n, browsed).
    """

    def __init__(self, name: str, catalog: Catalog, streams: Streams) -> None:
        self._last_user = catalog.users_count - 1
        self._activity = np.cumsum(catalog.activity)
        purposes = ("users", "candidates", "clicks", "label-delays", "browsed", "prices")
        self._generators = {what: streams.generator(name, what) for what in purposes}

    def take(self, n: int) -> dict[str, Array]:
        """The draws of the next `n` requests."""
        of = self._generators
        users = np.searchsorted(self._activity, of["users"].random(n)).clip(0, self._last_user)
        return {
            "users": users,
            "candidate_draws": of["candidates"].random((n, STRATA), dtype=np.float32),
            "click_draws": of["clicks"].random((n, len(POSITION_BIAS))),
            "delay_s": of["label-delays"].exponential(LABEL_DELAY_MEAN_S, (n, len(POSITION_BIAS))),
            "browse_draws": of["browsed"].random((n, BROWSED_PER_REQUEST)),
            "price_draws": of["prices"].standard_normal((n, BROWSED_PER_REQUEST)),
        }


class ShopRequests:
    """One stream's requests, indexed by request number; all draws are made when the stream opens.

    vectors (n, features) as served, NaN for null; source FROM_*; row_ns / entry_ns: times of the row and of the
    cache entry it came in (-1: none); version: model version that scored it (0: none); ruled: rules applied.
    """

    def __init__(self, name: str, times_ns: list[int], catalog: Catalog, streams: Streams, *, clicks: bool) -> None:
        n = len(times_ns)
        self.times_ns = np.array(times_ns, np.int64)
        self.clicks = clicks
        drawn = Draws(name, catalog, streams).take(n)
        self.users = drawn["users"]
        self.users_list: list[int] = self.users.tolist()
        self.candidate_draws, self.click_draws = drawn["candidate_draws"], drawn["click_draws"]
        self.delay_s = drawn["delay_s"]
        self.browse_draws, self.price_draws = drawn["browse_draws"], drawn["price_draws"]
        self.vectors = np.full((n, len(NAMES)), np.nan)
        self.source = bytearray(n)
        self.broken: dict[int, tuple[str, str]] = {}
        self.read_ns = [-1] * n
        self.row_ns = [-1] * n
        self.entry_ns = [-1] * n
        self.version = [0] * n
        self.ruled = bytearray(n)
        self.pending: list[int] = []
        self.pending_ns: list[int] = []
        self.browsed_until = 0

    def take_pending(self) -> tuple[Array, Array]:
        """(request numbers, times shown in ns) answered since the last call, in order of completion."""
        taken = np.array(self.pending, np.int64), np.array(self.pending_ns, np.int64)
        self.pending, self.pending_ns = [], []
        return taken


ShopStream: TypeAlias = Stream[ShopRequests | None]
"""A stream of requests, with what the shop keeps of it."""
