"""A cache that takes keys for each other."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import fault
from lab.injection.levers import CacheMixKeys, Testbed


@fault(
    "cache-key-collision",
    boundary=Boundary.INTEGRATION,
    target="cache",
    witnesses=(),  # whose entries they are is a matter of worlds
    recovery_s=30,
)
def cache_key_collision(testbed: Testbed, cache: str, *, fraction: Ratio = 1.0) -> Iterator[None]:
    """The cache answers keys with the entries of others, as when a release cuts keys short.

    Nothing fails, and the entries are as fresh and as valid as ever: they are just somebody else's. `fraction` is the
    share of the keys concerned (mild: 50%).
    """
    with testbed.pull(cache, CacheMixKeys(fraction=fraction)):
        yield
