"""What moved in a calendar: indicators, shares of a whole, what is in use; and what was announced meanwhile."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from lab.recording.alerts import fired
from lab.recording.observed import Observed
from lab.registration.signals import SignalSpec
from lab.registration.world import recorded_world
from lab.signals import Series, SignalTable
from lab.signals.catalogue import catalogue_of
from lab.signals.periods.layout import Periods
from lab.signals.periods.levels import Level, indicator_level
from lab.signals.periods.shapes import Calendar, IndicatorRow, InUseRow, Moment, Stack

Values = tuple[float | None, ...]


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
            values = by_period(signals.get(name, subject), periods)
            rows.append(indicator_row(name, subject, spec, values, periods, limits.get(name, {})))
    return tuple(rows)


def indicator_row(
    name: str, subject: str, spec: SignalSpec, values: Values, periods: Periods, limit: Mapping[str, Any]
) -> IndicatorRow:
    """A signal with its usual level, and the limit of an objective on it."""
    window = periods.window(spec)
    level = indicator_level(values, spec.unit, window)
    usual = (None, None) if level is None else _within(level, spec.unit, values)
    limits = limit.get("above"), limit.get("below")
    return IndicatorRow(name, subject, spec.unit, spec.doc, values, *limits, window, *usual)


def _within(level: Level, unit: str, values: Values) -> tuple[float, float]:
    """Between what a value is usual: for what was never outside of 0 to 100 % no farther than that."""
    is_share = unit == "ratio" and all(0 <= value <= 1 for value in values if value is not None)
    return (max(level.low, 0.0), min(level.high, 1.0)) if is_share else (level.low, level.high)


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


def with_actions(made: Calendar, done: Sequence[tuple[float, str]], system: Mapping[str, Any]) -> Calendar:
    """A calendar with what somebody did by its end among its moments: when, and what, in words."""
    periods = Periods.of(system)
    if periods is None or not done:
        return made
    own = [Moment("action", at_s, None, periods.told(at_s), text) for at_s, text in done if at_s <= made.end_s]
    return replace(made, moments=tuple(sorted((*made.moments, *own), key=lambda one: one.at_s)))


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
