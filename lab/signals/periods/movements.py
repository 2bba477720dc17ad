"""What moved in a calendar: columns of datasets, shares of a whole; and what was announced meanwhile."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from lab.recording.alerts import fired
from lab.recording.observed import Observed
from lab.registration.world import recorded_world
from lab.signals import Series, SignalTable
from lab.signals.catalogue import catalogue_of
from lab.signals.lineage import Lineage
from lab.signals.periods.layout import Periods
from lab.signals.periods.shapes import DriftRow, IndicatorRow, InUseRow, Moment, Stack

DRIFT, NULLS, MEDIAN = "column_drift_psi", "column_null_ratio", "column_median"
"""Signals of the columns of datasets."""

Values = tuple[float | None, ...]


def drift_rows(lineage: Lineage, signals: SignalTable, periods: Periods) -> tuple[DriftRow, ...]:
    """Every column of a dataset of which it is known how its values are distributed, or how many are null."""
    rows = []
    for dataset, columns in lineage.columns.items():
        registered = lineage.registered[dataset].columns if dataset in lineage.registered else {}
        for column in columns:
            found = [signals.get(signal, f"{dataset}.{column}") for signal in (DRIFT, NULLS, MEDIAN)]
            if found[0] is not None or found[1] is not None:
                psi, nulls, medians = (by_period(one, periods) for one in found)
                unit = registered[column].unit if column in registered else ""
                rows.append(DriftRow(dataset, column, unit or "1", psi, nulls, medians))
    return tuple(rows)


def stacks(system: Mapping[str, Any], signals: SignalTable, periods: Periods) -> tuple[Stack, ...]:
    """The signals whose subjects make up a whole."""
    found = []
    for name, spec in catalogue_of(system.get("world")).items():
        subjects = tuple(signals.subjects(name)) if spec.stacks else ()
        if subjects:
            values = tuple(by_period(signals.get(name, subject), periods) for subject in subjects)
            found.append(Stack(name, spec.doc, subjects, values))
    return tuple(found)


def in_use_rows(system: Mapping[str, Any], signals: SignalTable, periods: Periods) -> tuple[InUseRow, ...]:
    """The signals whose values name what is in use."""
    rows = []
    for name, spec in catalogue_of(system.get("world")).items():
        for subject in signals.subjects(name) if spec.names else ():
            values = by_period(signals.get(name, subject), periods)
            numbers = tuple(None if value is None else round(value) for value in values)
            rows.append(InUseRow(name, subject, spec.doc, numbers))
    return tuple(rows)


def indicators_of(system: Mapping[str, Any]) -> tuple[str, ...]:
    """Indicators of a system's world, by name; none where the system has no calendar."""
    world = system.get("world")
    if not system.get("calendar") or world is None:
        return ()
    return tuple(sli.name for sli in recorded_world(world).slis)


def indicator_rows(system: Mapping[str, Any], signals: SignalTable, periods: Periods) -> tuple[IndicatorRow, ...]:
    """The indicators of a system's world that have been seen, in the order in which they are registered."""
    limits = {str(slo["sli"]): slo for slo in system["slos"]}
    catalogue, rows = catalogue_of(system.get("world")), []
    for name in indicators_of(system):
        spec = catalogue[name]
        for subject in signals.subjects(name):
            values, limit = by_period(signals.get(name, subject), periods), limits.get(name, {})
            limits_of = limit.get("above"), limit.get("below")
            rows.append(IndicatorRow(name, subject, spec.unit, spec.doc, values, *limits_of, periods.window(spec)))
    return tuple(rows)


def by_period(series: Series | None, periods: Periods) -> Values:
    """The last value that a signal had in each period; None where it had none."""
    values: list[float | None] = [None] * len(periods.shown)
    if series is not None:
        for at_s, value in zip(series.times_s.tolist(), series.values.tolist(), strict=True):
            place = periods.place_ended(at_s)
            if place is not None and not np.isnan(value):
                values[place] = value
    return tuple(values)


def moments(observed: Observed, periods: Periods) -> tuple[Moment, ...]:
    """Changes that were announced and alerts that fired, in time order."""
    found = [*_changes(observed, periods), *_alerts(observed, periods), *_clocks(periods)]
    return tuple(sorted(found, key=lambda one: one.at_s))


def _clocks(periods: Periods) -> Iterator[Moment]:
    """When clocks were changed where people are, to the minute."""
    calendar = periods.calendar
    for one, after in pairwise(periods.shown):
        then, now = (calendar.at(period.starts_s).utcoffset() for period in (one, after))
        if then is None or now is None or then == now:
            continue
        minutes = range(int((after.starts_s - one.starts_s) / 60) + 1)
        changed = bisect_left(minutes, 1, key=lambda minute: calendar.at(one.starts_s + 60 * minute).utcoffset() == now)
        at_s = one.starts_s + 60 * changed
        way = "put back" if now < then else "put forward"
        yield Moment("clock", at_s, None, periods.told(at_s), f"clocks were {way} in {calendar.zone}")


def _changes(observed: Observed, periods: Periods) -> Iterator[Moment]:
    for one in observed.changes:
        at_s = float(one["time_s"])
        yield Moment("change", at_s, None, periods.told(at_s), str(one["summary"]))


def _alerts(observed: Observed, periods: Periods) -> Iterator[Moment]:
    for one in fired(observed.alerts):
        name = " of ".join(filter(None, (one.slo, one.element)))
        yield Moment("alert", one.from_s, one.ended_s(observed.end_s), periods.told(one.from_s), name)
