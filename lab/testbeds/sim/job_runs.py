"""SLIs of jobs while a run goes on: the same that its recording will have at each scrape."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lab.recording.sides import Sides
from lab.recording.status import OK
from lab.registration.slis import JOB_AGE_PERIODS, JOB_FAILURE_RATIO

OF_JOBS = (JOB_AGE_PERIODS, JOB_FAILURE_RATIO)


class JobRuns:
    """The runs of jobs that count: of each its last good one, and those of its last period.

    `jobs`: periods (ns) by component index. Before a job's first good run its age is that of the scenario.
    """

    def __init__(self, jobs: Mapping[int, int], start_ns: int, scrape_ns: int) -> None:
        self._periods_ns, self._start_ns, self._scrape_ns = dict(jobs), start_ns, scrape_ns
        self._good_ns = dict.fromkeys(jobs, start_ns)
        self._ended: dict[int, list[tuple[int, bool]]] = {job: [] for job in jobs}

    def take(self, sides: Sides) -> None:
        """Counts the runs among the sides of a block."""
        for job, known in self._ended.items():
            runs = sides[sides["edge"] == -1 - job]
            known.extend(zip(runs["end_ns"].tolist(), (runs["status"] == OK).tolist(), strict=True))

    def value(self, sli: str, now_ns: int) -> float | None:
        """The SLI in the interval that ends now; None where no job ran."""
        values: list[float] = []
        for job, period_ns in self._periods_ns.items():
            ended = self._recent(job, now_ns)
            if sli == JOB_AGE_PERIODS:
                values.append((now_ns - self._good_ns[job]) / period_ns)
            elif ended:
                values.append(1 - sum(ended) / len(ended))
        return max(values, default=None)

    def _recent(self, job: int, now_ns: int) -> list[bool]:
        """Whether each run was good that ended in the last period and scrape interval; what is older is forgotten."""
        intervals = int(np.ceil(self._periods_ns[job] / self._scrape_ns)) + 1
        since_ns = max(self._start_ns, now_ns - intervals * self._scrape_ns)
        ended = [run for run in self._ended[job] if run[0] <= now_ns]
        self._good_ns[job] = max([self._good_ns[job], *(end_ns for end_ns, is_good in ended if is_good)])
        self._ended[job] = [run for run in self._ended[job] if run[0] > since_ns]
        return [is_good for end_ns, is_good in ended if end_ns > since_ns]
