"""The order in which a campaign's jobs are started: one short job for an early verdict, then the longest first.

The rule is LPT, longest processing time first (R. L. Graham, SIAM Journal on Applied Mathematics 17, 1969), so that no
long one is left for the end: the whole takes at most 4/3 of what the best order takes. The shortest job, which would
come last, comes first instead: that adds at most its own time. Results keep the order of the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.runs.campaign import Job


def work(job: Job) -> float:
    """About how much a job simulates: the requests of its run and of the twins that its truth is judged by."""
    scenario, driver = job.loaded.scenario, job.testbed.driver
    faults = len(scenario.faults)
    twins = faults + (faults > 1 and bool(scenario.decoys)) if driver.is_repeatable else 0
    return driver.requests(job.loaded, job.testbed.options) * (1 + twins)


def starting_order(jobs: Sequence[Job]) -> list[int]:
    """The numbers of the jobs: that with the least work, then those with the most first; equal ones as they came."""
    cost = [work(job) for job in jobs]
    longest_first = sorted(range(len(jobs)), key=lambda number: -cost[number])
    shortest = cost.index(min(cost)) if cost else -1
    return sorted(longest_first, key=lambda number: number != shortest)
