"""A caller that gives up too early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from lab.contracts import Boundary
from lab.files.units import Duration
from lab.injection.faults import Witness, fault
from lab.injection.levers import ConfigSet, Testbed


@fault(
    "short-timeout",
    boundary=Boundary.INTEGRATION,
    target="link",
    witnesses=(Witness("client_timeout_ratio", "{target}", 0.02),),
    recovery_s=30,
)
def short_timeout(testbed: Testbed, link: str, *, timeout: Duration) -> Iterator[None]:
    """A caller waits less long over one link than the callee takes to answer, as after a wrong change of its settings.

    `timeout` is set for all steps of the caller that call the callee. Where the caller falls back, nobody waits longer
    and no request fails: the way and the callee are as they were.
    """
    caller, _, callee = link.partition("->")
    steps = [step.name for step in testbed.system.components[caller].steps if step.call == callee]
    with ExitStack() as held:
        for step in steps:
            held.enter_context(testbed.pull(f"{caller}/steps.{step}.timeout_s", ConfigSet(value=timeout)))
        yield
