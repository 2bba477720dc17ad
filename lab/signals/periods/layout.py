"""The columns of a calendar: when each period begins, and which one a time lies in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.registration.signals import SignalSpec
from lab.signals.periods.shapes import Period
from lab.systems.calendar import Calendar

MOST_PERIODS = 92
"""Of a longer recording the last ones are shown: more columns than that nobody can tell apart."""
FIRST = 7
"""Known periods that a subject is compared with: its first ones, a week where a period is a day."""
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods of a recording that have begun, the latest `MOST_PERIODS` of them."""

    calendar: Calendar
    shown: tuple[Period, ...]
    interval_s: float
    """A scrape interval."""

    @classmethod
    def of(cls, system: Mapping[str, Any]) -> Periods | None:
        """Those of a recording's `system.json`; None where the system has no calendar."""
        calendar = Calendar.recorded(system)
        if calendar is None:
            return None
        end_s = float(system["duration_s"])
        count = math.ceil((end_s - _CLOSE) / calendar.length_s)
        shown = tuple(_period(calendar, i, end_s) for i in range(max(0, count - MOST_PERIODS), count))
        return cls(calendar, shown, float(system["scrape_interval_s"]))

    @property
    def length_s(self) -> float:
        """How long one is."""
        return self.calendar.length_s

    def window(self, spec: SignalSpec) -> int:
        """Of how many periods a value of a signal is, this one and the last ones."""
        return max(1, round(spec.window_intervals * self.interval_s / self.length_s))

    def told(self, at_s: float) -> str:
        """A time as people read it: `Fri 16 Oct 03:10`."""
        return f"{self.calendar.day(at_s)} {self.calendar.at(at_s):%H:%M}"

    def place(self, at_s: float) -> int | None:
        """Which of the periods a time lies in, by its place; None for one that is not shown. A period has its begin."""
        place = self.calendar.number(at_s) - (self.shown[0].number if self.shown else 1)
        return place if 0 <= place < len(self.shown) else None

    def place_ended(self, at_s: float) -> int | None:
        """Which of them ended by a time that may be the end itself, as that of what was given up then."""
        return self.place(max(0.0, at_s - _CLOSE * self.length_s))

    @property
    def are_over(self) -> tuple[bool, ...]:
        """Whether each has ended within the recording; only the last may not have."""
        return tuple(one.ends_s - one.starts_s >= self.length_s - _CLOSE for one in self.shown)


def _period(calendar: Calendar, place: int, end_s: float) -> Period:
    starts_s = place * calendar.length_s
    ends_s = min(end_s, starts_s + calendar.length_s)
    return Period(place + 1, f"{calendar.word} {place + 1}", calendar.day(starts_s), starts_s, ends_s)
