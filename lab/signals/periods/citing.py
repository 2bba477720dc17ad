"""Which signals stand behind what a calendar shows: what was seen in it counts as seen, and can be cited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lab.signals import SignalTable
from lab.signals.periods.columns import DRIFT, MEDIAN, NULLS
from lab.signals.periods.shapes import Calendar, DatasetRow, Difference, DriftRow, IndicatorRow, InUseRow, JobRow, What

OF_JOB = ("job_failure_ratio", "job_skipped_ratio", "job_start_delay_s", "job_duration_s", "job_last_success_age_s")
OF_DATASET = ("dataset_repeated", "dataset_rows", "dataset_age_s", "dataset_schema_changed")
"""What a cell tells: whether it is new, how many rows it has, up to when its data is, its columns."""
OF_COLUMN = (DRIFT, MEDIAN, NULLS)

_OF: Mapping[tuple[What, str] | What, str] = {
    ("runs", "failed"): "job_failure_ratio",
    ("runs", "retried"): "job_failure_ratio",
    ("runs", "skipped"): "job_skipped_ratio",
    ("runs", "missing"): "job_skipped_ratio",
    ("runs", "late"): "job_start_delay_s",
    ("content", "repeated"): "dataset_repeated",
    ("content", "kept"): "dataset_age_s",
    ("content", "failed"): "dataset_age_s",
    "rows": "dataset_rows",
    "duplicates": "dataset_duplicate_ratio",
    "kept": "dataset_kept_ratio",
    "schema": "dataset_schema_changed",
    "freshness": "dataset_age_s",
    "distribution": DRIFT,
    "nulls": NULLS,
}
"""The signal of a difference, by what differed and how."""


def with_signals(made: Calendar, signals: SignalTable) -> Calendar:
    """The same with the signals that its rows and differences are the levels of, as far as they were recorded."""

    def there(names: Sequence[str], subject: str) -> tuple[str, ...]:
        return tuple(name for name in names if signals.get(name, subject) is not None)

    def of(one: Difference) -> Difference:
        signal, subject = _named(one, made.indicators)
        return replace(one, signal=f"{signal}:{subject}" if there((signal,), subject) else "")

    return replace(
        made,
        jobs=tuple(replace(row, signals=there(OF_JOB, row.job)) for row in made.jobs),
        datasets=tuple(replace(row, signals=there(OF_DATASET, row.dataset)) for row in made.datasets),
        drift=tuple(replace(row, signals=there(OF_COLUMN, f"{row.dataset}.{row.column}")) for row in made.drift),
        differences=tuple(map(of, made.differences)),
    )


def _named(one: Difference, indicators: Sequence[IndicatorRow]) -> tuple[str, str]:
    """Signal and subject of a difference; an empty signal where it is the level of none."""
    if one.what in ("shares", "level"):
        signal, _, subject = one.subject.partition(" of ")
        own = next((row.subject for row in indicators if row.signal == signal), "")
        return signal, subject or own
    return _OF.get((one.what, one.detail)) or _OF.get(one.what, ""), one.subject


def shown(made: Calendar) -> Iterator[str]:
    """The signals whose values a calendar shows, as `SIGNAL:SUBJECT`."""
    rows: tuple[JobRow | DatasetRow | DriftRow, ...] = (*made.jobs, *made.datasets, *made.drift)
    for row in rows:
        yield from (f"{signal}:{_subject(row)}" for signal in row.signals)
    lines: tuple[IndicatorRow | InUseRow, ...] = (*made.indicators, *made.moved, *made.in_use)
    for line in lines:
        yield f"{line.signal}:{line.subject}"
    for stack in made.stacks:
        yield from (f"{stack.signal}:{subject}" for subject in stack.subjects)
    yield from (one.signal for one in made.differences if one.signal)


def _subject(row: JobRow | DatasetRow | DriftRow) -> str:
    if isinstance(row, DriftRow):
        return f"{row.dataset}.{row.column}"
    return row.job if isinstance(row, JobRow) else row.dataset
