"""Connections that break."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import LinkReset, Testbed


@fault(
    "connection-resets",
    boundary=Boundary.NETWORK,
    target="link",
    witnesses=(Witness("client_error_ratio", "{target}", 0.02),),
    recovery_s=30,
)
def connection_resets(testbed: Testbed, link: str, *, fraction: Ratio = 0.5) -> Iterator[None]:
    """A share of the connections over one link is reset, as by a load balancer that loses its table."""
    with testbed.pull(link, LinkReset(fraction=fraction)):
        yield
