"""Processes that hang."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.injection.faults import Witness, fault
from lab.injection.levers import ComponentPause, Testbed


@fault(
    "frozen-process",
    boundary=Boundary.SERVICE,
    target="service|database|cache|model",
    witnesses=(Witness("arrival_ratio", "{target}", 0.2), Witness("request_rate_per_s", "{target}", 1.0)),
    recovery_s=30,
)
def frozen_process(testbed: Testbed, component: str) -> Iterator[None]:
    """A component's process hangs: it takes connections and answers none until it goes on."""
    with testbed.pull(component, ComponentPause()):
        yield
