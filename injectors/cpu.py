"""A component gets less CPU than it needs."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import PositiveRatio
from lab.injection.faults import Witness, fault
from lab.injection.levers import ComponentLimit, Testbed


@fault(
    "cpu-throttle",
    boundary=Boundary.RESOURCE,
    target="service|database|cache|model",
    witnesses=(Witness("self_time_mean_s", "{target}", 0.0003), Witness("cpu_throttled_ratio", "{target}", 0.05)),
    recovery_s=45,
)
def cpu_throttle(testbed: Testbed, component: str, *, cpu: PositiveRatio = 0.2) -> Iterator[None]:
    """The component's CPU quota is cut: `cpu` is the share of its normal CPU that is left (mild: 60%)."""
    with testbed.pull(component, ComponentLimit(cpu=cpu)):
        yield
