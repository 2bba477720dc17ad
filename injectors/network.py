"""Faults of links: nothing passes, or it passes late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from lab.contracts import Boundary
from lab.files.units import Duration, Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import LinkCut, LinkDelay, Testbed


@fault(
    "network-partition",
    boundary=Boundary.NETWORK,
    target="link",
    witnesses=(Witness("client_error_ratio", "{target}", 0.02), Witness("client_timeout_ratio", "{target}", 0.02)),
    recovery_s=30,
)
def network_partition(
    testbed: Testbed,
    link: str,
    *,
    direction: Literal["both", "request", "response"] = "both",
    fraction: Ratio = 1.0,
) -> Iterator[None]:
    """No packet passes between two components.

    Established connections are black-holed, new ones are accepted and never answered. `direction: request`
    loses the requests; `response` lets requests arrive and loses the answers. `fraction` is the share of
    calls that are lost (mild: 30%); on the stack a lost call takes along those that share its connection.
    """
    with testbed.pull(link, LinkCut(direction=direction, fraction=fraction)):
        yield


@fault(
    "network-latency",
    boundary=Boundary.NETWORK,
    target="link",
    witnesses=(Witness("network_time_s", "{target}", 0.002), Witness("client_timeout_ratio", "{target}", 0.02)),
    recovery_s=30,
)
def network_latency(
    testbed: Testbed, link: str, *, latency: Duration = 0.08, jitter: Duration = 0.02
) -> Iterator[None]:
    """Requests over one link take longer.

    `latency` is added to each request's passage, `jitter` is the standard deviation around it (mild: 15 ms).
    """
    with testbed.pull(link, LinkDelay(latency_s=latency, jitter_s=jitter)):
        yield
