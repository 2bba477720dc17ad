"""Connections that break, and callers that do not wait."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import ConfigSet, LinkReset, Testbed


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


@fault(
    "impatient-caller",
    boundary=Boundary.INTEGRATION,
    target="service|job",
    witnesses=(Witness("client_timeout_ratio", "*", 0.02),),
    recovery_s=30,
)
def impatient_caller(testbed: Testbed, component: str, *, key: str, value: float) -> Iterator[None]:
    """A component is configured to wait less for others than they need: `key`, as `steps.db_get.timeout_s`."""
    with testbed.pull(f"{component}/{key}", ConfigSet(value=value)):
        yield
