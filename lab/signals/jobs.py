"""Signals of jobs: how long ago they succeeded, how late and how long their runs are, how many are not made."""

from __future__ import annotations

from lab.signals import Series
from lab.signals.columns import Grid, Metrics, ratio

SIGNALS = {
    "job.last_success.age": "job_last_success_age_s",
    "job.run.delay": "job_start_delay_s",
    "job.run.duration": "job_duration_s",
    "job.skipped.count": "job_skipped_ratio",
}
"""The signal that goes by each metric."""


def series_of(job: str, metric: str, metrics: Metrics, grid: Grid) -> Series:
    """The signal of a job that goes by a metric."""
    values = metrics.get(job, metric)
    if metric == "job.skipped.count":
        # Attempts that ended and that no other one follows are runs that were made.
        made = metrics.get(job, "job.run.count") - metrics.get(job, "job.retry.count")
        values = ratio(values, values + made)
    return grid.series(SIGNALS[metric], job, values)
