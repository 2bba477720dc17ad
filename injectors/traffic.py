"""More people come, as after a campaign; the system has room for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lab.faults import decoy
from lab.levers import Testbed
from lab.units import PositiveRate


@decoy("traffic-surge", target="users")
def traffic_surge(
    testbed: Testbed, users: str, *, rate: Annotated[PositiveRate, Field(le=1000)] = 25.0
) -> Iterator[None]:
    """`rate` requests per second arrive on top of the scenario's load."""
    testbed.changes().announce(users, "campaign", "Marketing campaign started")
    with testbed.population(users).surge(rate_per_s=rate):
        yield
