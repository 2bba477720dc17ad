"""The calendar of a system that takes days: dates of scenario times, and what people call a period of its jobs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lab.files.units import periods_text, time_text, window_text

if TYPE_CHECKING:
    from lab.systems.topology import System

_CLOSE = 1e-9
"""Of a period: so near to its end a time is the next one's."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Scenario second 0 is midnight (UTC) of the day `begins`; times of day are told in `zone` (IANA).

    `word` is what people call a period of the system's jobs, `length_s` how long that is: what most jobs have.
    """

    begins: date
    zone: str
    word: str
    length_s: float

    @classmethod
    def of(cls, system: System) -> Calendar | None:
        """That of a system; None where it has none."""
        if system.calendar is None:
            return None
        given = system.calendar
        return cls(given.begins, given.zone, given.period, usual_period_s(system.periods_s.values()))

    @classmethod
    def recorded(cls, system: Mapping[str, Any]) -> Calendar | None:
        """That of a recording's `system.json`."""
        given = system.get("calendar")
        if not given:
            return None
        periods_s = [float(one["period_s"]) for one in system["components"].values() if one["kind"] == "job"]
        return cls(date.fromisoformat(given["begins"]), given["zone"], given["period"], usual_period_s(periods_s))

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return {"begins": self.begins.isoformat(), "zone": self.zone, "word": self.word, "length_s": self.length_s}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calendar:
        """What `to_json` wrote; KeyError, ValueError or TypeError where it is something else."""
        zone = str(ZoneInfo(data["zone"]))
        return cls(date.fromisoformat(data["begins"]), zone, str(data["word"]), float(data["length_s"]))

    def at(self, at_s: float) -> datetime:
        """The date and time of day at a scenario time, where people are."""
        begins = datetime(self.begins.year, self.begins.month, self.begins.day, tzinfo=UTC)
        return (begins + timedelta(seconds=at_s)).astimezone(ZoneInfo(self.zone))

    def number(self, at_s: float) -> int:
        """Which period a time lies in, from 1; one has its beginning, and not its end."""
        return math.floor(at_s / self.length_s + _CLOSE) + 1

    def day(self, at_s: float) -> str:
        """The date of a time: `Fri 16 Oct`."""
        there = self.at(at_s)
        return f"{there:%a} {there.day} {there:%b}"

    def label(self, at_s: float) -> str:
        """A time as people tell it: `period 12, Fri 16 Oct 03:10`, with their word."""
        return f"{self.word} {self.number(at_s)}, {self.day(at_s)} {self.at(at_s):%H:%M}"

    def end_label(self, at_s: float) -> str:
        """A time at which something ends: where a period does, it is that one's end and no beginning."""
        last = self.number(at_s - 2 * _CLOSE * self.length_s)
        label = self.label(at_s)
        return label if last == self.number(at_s) else f"end of {self.word} {last}, {label.partition(', ')[2]}"

    def count(self, seconds: float) -> str:
        """How long something takes, in periods: `2 periods`, `0.5 periods`."""
        return periods_text(seconds, self.length_s, self.word)


def usual_period_s(periods_s: Iterable[float]) -> float:
    """The period that most jobs have, the shorter one where that is a tie."""
    often = Counter(periods_s)
    return max(often, key=lambda one: (often[one], -one))


def told_time(at_s: float, calendar: Calendar | None) -> str:
    """A scenario time as people tell it: by the calendar where there is one."""
    return time_text(at_s) if calendar is None else calendar.label(at_s)


def told_end(at_s: float, calendar: Calendar | None) -> str:
    """A time at which something ends, or what is known of an interval that ends then."""
    return time_text(at_s) if calendar is None else calendar.end_label(at_s)


def told_window(from_s: float, until_s: float, calendar: Calendar | None) -> str:
    """A window likewise."""
    if calendar is None:
        return window_text(from_s, until_s)
    return f"{calendar.label(from_s)} – {calendar.end_label(until_s)}"
