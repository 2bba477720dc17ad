"""Other signals of a system's world that left their level for longer: those that nobody thought of as an indicator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.registration.world import recorded_world
from lab.signals import SignalTable
from lab.signals.periods.differences import LASTING, of_indicator
from lab.signals.periods.layout import Periods
from lab.signals.periods.movements import by_period, indicator_row, indicators_of
from lab.signals.periods.shapes import IndicatorRow

MOST_MOVED = 8


def moved_rows(system: Mapping[str, Any], signals: SignalTable, periods: Periods) -> tuple[IndicatorRow, ...]:
    """Those that differed from their first periods for longest, in the order in which they began."""
    if system.get("world") is None:
        return ()
    found = []
    for row in _others(system, signals, periods):
        lasting = [one for one in of_indicator(row, row.signal) if one.often >= LASTING]
        if lasting:
            found.append((max(one.often for one in lasting), min(one.first for one in lasting), row))
    longest = sorted(found, key=lambda one: -one[0])[:MOST_MOVED]
    return tuple(row for _, _, row in sorted(longest, key=lambda one: one[1]))


def _others(system: Mapping[str, Any], signals: SignalTable, periods: Periods) -> Iterator[IndicatorRow]:
    known = indicators_of(system)
    for registered in recorded_world(str(system["world"])).signals:
        for name, spec in registered.catalogue.items():
            for subject in [] if name in known or spec.stacks or spec.names else signals.subjects(name):
                values = by_period(signals.get(name, subject), periods)
                yield indicator_row(name, subject, spec, values, periods, {})
