"""Which day it is: of the week, and by local clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lab.clock import NS
from lab.systems.topology import System

DAY_S = 86_400
DAY_NS = DAY_S * NS
BEGINS, ZONE = date(2026, 10, 5), "Europe/Berlin"
"""Where the system's file does not say when it begins."""
LOCAL_DAY_BEGINS_H = 3
"""Until this hour, by local clocks, what people do belongs to the evening before."""


class Dates:
    """Days of a scenario, counted from 0 at midnight UTC; `start_ns`: testbed time of that midnight."""

    def __init__(self, system: System, start_ns: int) -> None:
        calendar = getattr(system, "calendar", None)
        self._begins: date = calendar.begins if calendar else BEGINS
        self._zone = ZoneInfo(calendar.zone if calendar and calendar.zone else ZONE)
        self._start_ns = start_ns

    @property
    def first_weekday(self) -> int:
        """The day of the week of day 0, 0 for Monday."""
        return self._begins.weekday()

    def weekday(self, day: int) -> int:
        """The day of the week of a day, 0 for Monday."""
        return (self.first_weekday + day) % 7

    def day(self, now_ns: int) -> int:
        """The day of a testbed time."""
        return (now_ns - self._start_ns) // DAY_NS

    def local_day(self, now_ns: int) -> int:
        """The business day of a testbed time by local clocks."""
        utc = datetime.combine(self._begins, time(), UTC) + timedelta(seconds=(now_ns - self._start_ns) / NS)
        local = utc.astimezone(self._zone).replace(tzinfo=None) - timedelta(hours=LOCAL_DAY_BEGINS_H)
        return (local.date() - self._begins).days

    def begins_ns(self, day: int) -> int:
        """Testbed time at which a day begins."""
        return self._start_ns + day * DAY_NS
