"""More people come, as after a campaign; the system has room for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lab.files.units import PositiveRate
from lab.injection.faults import decoy
from lab.injection.levers import Announce, PopulationSurge, Testbed


@decoy("traffic-surge", target="users")
def traffic_surge(
    testbed: Testbed, users: str, *, rate: Annotated[PositiveRate, Field(le=1000)] = 25.0
) -> Iterator[None]:
    """`rate` requests per second arrive on top of the scenario's load."""
    testbed.act(users, Announce(kind="campaign", summary="Marketing campaign started"))
    with testbed.pull(users, PopulationSurge(rate_per_s=rate)):
        yield
