"""How many calls a request can lead to: over all paths of the call graph, so by products that grow fast."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

MAX_CALLS = 10_000
"""Calls that a request may lead to where every step is taken and none is tried again.

What runs at all is far below it, a typing error in the call graph far above: layers that call each other multiply.
"""
MAX_ATTEMPTS = 100_000
"""Attempts that a request may lead to where every step is taken and fails until its last attempt.

The sides of their spans take 10 MB, which the simulator keeps until the request ends: a storm of retries fits, one that
fills the memory of a machine does not.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A step that calls. `attempts`: how often the callee may be called, its retries included."""

    callee: str
    attempts: int


Plans = Mapping[str, Collection[Call]]
"""The calls of each component."""


def calls_of_a_visit(plans: Plans) -> dict[str, int]:
    """To how many calls a visit of each component leads at most; empty where calls run in a circle."""
    found: dict[str, int] = {}
    try:
        order = list(
            TopologicalSorter({name: [call.callee for call in calls] for name, calls in plans.items()}).static_order()
        )
    except CycleError:
        return {}
    for name in order:
        found[name] = sum(call.attempts * (1 + found[call.callee]) for call in plans[name])
    return found


def most_multiplying(plans: Plans, found: Mapping[str, int], root: str) -> str:
    """The component below a root whose calls come to the most times what the greatest one of its callees comes to."""
    below, waiting = {root: None}, [root]
    for name in waiting:
        for call in plans[name]:
            if call.callee not in below:
                below[call.callee] = None
                waiting.append(call.callee)
    return max((name for name in below if plans[name]), key=lambda name: multiplies(plans, found, name))


def multiplies(plans: Plans, found: Mapping[str, int], name: str) -> float:
    """How many times what the greatest of its callees comes to a component's calls come to."""
    return found[name] / max(1 + found[call.callee] for call in plans[name])


def shown_count(count: int) -> str:
    """A count as text, by its magnitude where it is beyond counting: 12,345 or about 10^40."""
    return f"{count:,}" if count < 10**12 else f"about 10^{math.floor(math.log10(count))}"
