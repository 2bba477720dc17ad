"""A cache that keeps answering with old entries."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import CacheFreeze, Testbed


@fault(
    "stale-cache",
    boundary=Boundary.INTEGRATION,
    target="cache",
    witnesses=(Witness("cache_expiry_rate_per_s", "{target}", 5, "per interval"),),
    recovery_s=90,
)
def stale_cache(testbed: Testbed, cache: str, *, fraction: Ratio = 1.0) -> Iterator[None]:
    """Refresh is stopped and entries never expire, while the database stays fresh.

    `fraction` is the share of the keys concerned, as when one shard loses its refresher (mild: 40%).
    """
    with testbed.pull(cache, CacheFreeze(fraction=fraction)):
        yield
