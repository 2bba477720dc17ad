"""What a recording's time cost, interval by interval: what the core registers, and the amounts of any registration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.recording.slis import Level, Samples, computed
from lab.registration.costs import CORE_COSTS, Cost
from lab.registration.world import recorded_world

if TYPE_CHECKING:
    from lab.recording.observed import Observed

Array = npt.NDArray[np.float64]


def failed_requests(samples: Samples) -> Level:
    """Requests of users that failed."""
    times_s, (errors,) = samples.of_users("error.count")
    return Level(times_s, errors)


def waiting_s(samples: Samples) -> Level:
    """Seconds that users waited for answers."""
    times_s, (requests, mean_s) = samples.of_users("request.count", "request.duration.mean")
    return Level(times_s, np.where(requests > 0, requests * mean_s, 0.0 * requests))


def costs_of(system: Mapping[str, Any]) -> tuple[Cost, ...]:
    """The costs that a system can have, by its `system.json`: those of its users' requests, then its world's."""
    core = CORE_COSTS if system.get("users") else ()
    world = system.get("world")
    return (*core, *(recorded_world(world).costs if world else ()))


class Amount(NamedTuple):
    """A cost of one recording: its amount in each interval that was sampled, by interval end (scenario seconds)."""

    cost: Cost
    times_s: Array
    values: Array


def amounts(observed: Observed) -> list[Amount]:
    """The amounts of every cost of a recording. UserError where a world's function gives none."""
    samples = Samples.recorded(observed.metrics, observed.system)
    found = []
    for cost in costs_of(observed.system):
        times_s, values = computed(cost, samples).known()
        found.append(Amount(cost, times_s, values))
    return found


def sums(amount: Amount, without: Amount, until_s: float = np.inf) -> tuple[float, float]:
    """What there was of a cost up to a time, and in the same time `without` an incident, in the cost's unit.

    Intervals that were sampled in only one of the two are left out of both.
    """
    times_s, mine, other = np.intersect1d(amount.times_s, without.times_s, return_indices=True)
    kept = times_s <= until_s
    return float(amount.values[mine][kept].sum()), float(without.values[other][kept].sum())


def incurred(amount: Amount, without: Amount, until_s: float = np.inf) -> float:
    """What an incident cost up to a time: the amount beyond that of the same time `without` it, in the cost's unit.

    What went better counts against it.
    """
    there, plain = sums(amount, without, until_s)
    return there - plain if amount.cost.bad == "rises" else plain - there
