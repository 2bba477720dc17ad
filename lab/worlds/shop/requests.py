"""What the shop keeps per request of an arrival stream: who asked, what was served, what is still to be scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.streams import Streams
from lab.worlds.shop.behaviour import BROWSED_PER_REQUEST, POSITION_BIAS
from lab.worlds.shop.catalog import STRATA, Catalog
from lab.worlds.shop.features import NAMES

Array = npt.NDArray[Any]

FROM_NOWHERE, FROM_CACHE, FROM_TABLE = range(3)
LABEL_DELAY_MEAN_S = 6.0


class ShopRequests:
    """One stream's requests, indexed by request number; all draws are made when the stream opens.

    vectors (n, features) as served, NaN for null; source FROM_*; row_ns / entry_ns: times of the row and of the
    cache entry it came in (-1: none); version: model version that scored it (0: none); ruled: rules applied.
    """

    def __init__(self, name: str, times_ns: list[int], catalog: Catalog, streams: Streams, *, clicks: bool) -> None:
        n = len(times_ns)
        self.times_ns = np.array(times_ns, np.int64)
        self.clicks = clicks

        def draws(what: str) -> np.random.Generator:
            return streams.generator(name, what)

        self.users = np.searchsorted(np.cumsum(catalog.activity), draws("users").random(n)).clip(
            0, catalog.users_count - 1
        )
        self.users_list: list[int] = self.users.tolist()
        self.candidate_draws = draws("candidates").random((n, STRATA), dtype=np.float32)
        self.click_draws = draws("clicks").random((n, len(POSITION_BIAS)))
        self.delay_s = draws("label-delays").exponential(LABEL_DELAY_MEAN_S, (n, len(POSITION_BIAS)))
        self.browse_draws = draws("browsed").random((n, BROWSED_PER_REQUEST))
        self.price_draws = draws("prices").standard_normal((n, BROWSED_PER_REQUEST))
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
