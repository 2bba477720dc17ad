"""Jobs in a calendar: how each ended in each period, and what its attempts were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from statistics import median
from typing import Any, NamedTuple

from lab.recording.arrow import mask_array, numbers, numbers_of, texts, texts_of
from lab.recording.observed import Observed
from lab.signals.periods.layout import FIRST, Periods
from lab.signals.periods.shapes import Attempt, JobCell, JobRow, Outcome
from lab.systems.needs import in_order_of_needs, needs_of

JOB_RUN, JOB_SKIPPED = "job_run", "job_skipped"
"""Log events."""
RUNS, FAILURES = "job.run.count", "job.failure.count"
"""Metrics."""
LATE_SHARE = 0.05
"""Of a period: a run that ends so much later than most of the first did is late."""
USUAL_FROM = 3
"""How many runs have to be known before one can be said to be late."""


def job_rows(observed: Observed, periods: Periods) -> tuple[JobRow, ...]:
    """Every job: each after those that it needs."""
    components = observed.system["components"]
    needs = needs_of(components)
    lines = _lines(observed)
    counted = _counted(observed, periods)
    rows = []
    for job in jobs_in_order(observed.system):
        period_s = float(components[job]["period_s"])
        told = [line for line in lines if line.job == job]
        cells = _cells(told, counted.get(job, {}), period_s, periods)
        rows.append(JobRow(job, period_s, tuple(needs[job]), cells))
    return tuple(rows)


def jobs_in_order(system: Mapping[str, Any]) -> list[str]:
    """The jobs of a `system.json`: each after those that it needs, else by when they start."""
    jobs = {name: one for name, one in system["components"].items() if one["kind"] == "job"}
    by_start = sorted(jobs, key=lambda name: float(jobs[name].get("starts_s") or 0.0))
    return in_order_of_needs(by_start, needs_of(jobs))


class _Line(NamedTuple):
    """A line of the log about a run of a job."""

    time_s: float
    job: str
    event: str
    trace_id: str | None
    duration_s: float | None
    is_error: bool
    text: str


def _lines(observed: Observed) -> list[_Line]:
    """The log lines about runs of jobs, in time order."""
    table = observed.tables.get("logs")
    if table is None or not len(table):
        return []
    rows = table.filter(mask_array(texts_of(table, "event.name").is_any([JOB_RUN, JOB_SKIPPED])))
    lasted = numbers_of(rows, "duration_s").tolist()
    columns = (
        numbers(rows["time_s"]).tolist(),
        *(texts(rows[name]).tolist() for name in ("service.name", "event.name", "trace_id", "severity_text", "body")),
    )
    found = [
        _Line(time_s, job, event, trace_id or None, None if isnan(length) else length, level == "ERROR", body)
        for (time_s, job, event, trace_id, level, body), length in zip(zip(*columns, strict=True), lasted, strict=True)
    ]
    return sorted(found, key=lambda line: line.time_s)


def _counted(observed: Observed, periods: Periods) -> dict[str, dict[int, tuple[float, float]]]:
    """Runs and failed runs of each job by period, as metrics count them: where logs were sampled, those tell more."""
    table = observed.metrics
    rows = table.filter(mask_array(texts_of(table, "metric").is_any([RUNS, FAILURES])))
    counted: dict[str, dict[int, tuple[float, float]]] = {}
    columns = numbers(rows["time_s"]), texts(rows["service.name"]), texts(rows["metric"]), numbers(rows["value"])
    for time_s, job, metric, value in zip(*(column.tolist() for column in columns), strict=True):
        place = periods.place_ended(time_s)
        if place is None or isnan(value):
            continue
        of_job = counted.setdefault(job, {})
        runs, failed = of_job.get(place, (0.0, 0.0))
        of_job[place] = (runs + value, failed) if metric == RUNS else (runs, failed + value)
    return counted


def _cells(
    lines: Sequence[_Line], counted: Mapping[int, tuple[float, float]], period_s: float, periods: Periods
) -> tuple[JobCell | None, ...]:
    attempts: dict[int, list[Attempt]] = {}
    skipped: set[int] = set()
    for line in lines:
        if line.event == JOB_SKIPPED:
            place = periods.place_ended(line.time_s)
            skipped |= set() if place is None else {place}
        else:
            one = _attempt(line, periods)
            place = periods.place(one.ended_s - (one.duration_s or 0.0))
            if place is not None:
                attempts.setdefault(place, []).append(one)
    ends_s = [
        of_period[-1].ended_s - periods.shown[place].starts_s
        for place, of_period in sorted(attempts.items())
        if not of_period[-1].is_failed
    ][:FIRST]
    usual_s = median(ends_s) if len(ends_s) >= USUAL_FROM and period_s >= periods.length_s else None
    return tuple(_all_cells(attempts, skipped, counted, usual_s, period_s, periods))


def _all_cells(
    attempts: Mapping[int, list[Attempt]],
    skipped: set[int],
    counted: Mapping[int, tuple[float, float]],
    usual_s: float | None,
    period_s: float,
    periods: Periods,
) -> Iterator[JobCell | None]:
    for place, (period, is_over) in enumerate(zip(periods.shown, periods.are_over, strict=True)):
        known = attempts.get(place, [])
        if known:
            delay_s = None if usual_s is None else known[-1].ended_s - period.starts_s - usual_s
            outcome = _outcome(known, delay_s, period_s, periods.length_s)
            yield JobCell(outcome, tuple(known), delay_s)
        elif place in skipped:
            yield JobCell("skipped", (), None)
        elif counted.get(place, (0.0, 0.0))[0] > 0:
            runs, failed = counted[place]
            yield JobCell("failed" if failed >= runs else "retried" if failed else "ok", (), None)
        elif is_over and period_s <= periods.length_s:
            yield JobCell("missing", (), None)
        else:
            yield None


def _outcome(attempts: Sequence[Attempt], delay_s: float | None, period_s: float, length_s: float) -> Outcome:
    """How a job ended in a period. Of one that runs more often, one failed run is enough to be seen."""
    runs_once = period_s >= length_s
    if attempts[-1].is_failed or (not runs_once and any(one.is_failed for one in attempts)):
        return "failed"
    if delay_s is not None and delay_s > LATE_SHARE * length_s:
        return "late"
    return "retried" if any(one.is_failed for one in attempts) else "ok"


def _attempt(line: _Line, periods: Periods) -> Attempt:
    ended = periods.told(line.time_s)
    return Attempt(line.time_s, ended, line.duration_s, line.trace_id, line.is_error, line.text)
