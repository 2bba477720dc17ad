"""The order in which a campaign's jobs are started: the longest first, so that no long one is left for the end.

The rule is LPT, longest processing time first (R. L. Graham, SIAM Journal on Applied Mathematics 17, 1969): the whole
takes at most 4/3 of what the best order takes. Results keep the order of the files.
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


def longest_first(jobs: Sequence[Job]) -> list[int]:
    """The numbers of the jobs, those with the most work first; equal ones as they came."""
    return sorted(range(len(jobs)), key=lambda number: -work(jobs[number]))
