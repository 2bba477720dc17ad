"""What a scheduler reports of its jobs, by scrape interval: lateness, durations, further attempts, runs not made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.recording.metrics import Counts

RUN_DELAY, RUN_DURATION, RETRIES, SKIPPED = (
    "job.run.delay", "job.run.duration", "job.retry.count", "job.skipped.count",
)  # fmt: skip
COUNTED = (RETRIES, SKIPPED)
MEASURED = (RUN_DELAY, RUN_DURATION)


class JobMetrics:
    """What happened to the runs of some jobs. Times are testbed ns."""

    def __init__(self, jobs: tuple[str, ...]) -> None:
        self._happened: dict[tuple[str, str], list[tuple[int, float]]] = {
            (job, metric): [] for job in jobs for metric in (*MEASURED, *COUNTED)
        }

    def note(self, job: str, metric: str, value: float, now_ns: int) -> None:
        """Something was measured, or happened so many times; in order of time."""
        self._happened[job, metric].append((now_ns, value))

    def counts(self, edges_ns: npt.NDArray[Any]) -> Iterator[Counts]:
        """Of each interval between the edges the sum of what is counted, the last of what is measured."""
        for (job, metric), happened in self._happened.items():
            values = np.full(len(edges_ns) - 1, 0.0 if metric in COUNTED else np.nan)
            for time_ns, value in happened:
                interval = int(np.searchsorted(edges_ns, time_ns, side="right")) - 1
                if 0 <= interval < len(values):
                    values[interval] = value + (values[interval] if metric in COUNTED else 0.0)
            yield job, metric, "", values

    def branch(self) -> JobMetrics:
        """A copy that goes on by itself."""
        other = JobMetrics(())
        other._happened = {key: list(happened) for key, happened in self._happened.items()}
        return other
