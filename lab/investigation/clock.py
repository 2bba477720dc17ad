"""The clock of a session: scenario time that runs, pauses and jumps as the participant wants it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

SPEEDS = (1.0, 10.0, 60.0)
SPEEDS_OF_HOURS = (600.0, 3600.0)
"""Added where a scrape interval is a minute or more."""
SPEEDS_OF_DAYS = (*SPEEDS_OF_HOURS, 21_600.0, 86_400.0)
"""Of an incident that is seen once a day: slower, nothing would ever happen."""
LONG_TICK_S, DAY_S = 60.0, 86_400.0
START_SHARE, START_AT_MOST_S = 0.05, 60.0
_CLOSE = 1e-9
"""Of a tick: how far from its edge a time still counts as on it."""


def start_at(duration_s: float, tick_s: float) -> float:
    """Where sessions begin, in scenario seconds: the same share for every incident, so that it tells nothing.

    Where ticks are so long that nothing could be seen by then, it is the first of them.
    """
    return max(tick_s, min(START_AT_MOST_S, START_SHARE * duration_s))


@dataclass(frozen=True, slots=True)
class Clock:
    """Scenario time: `now_s` is the time at the wall time `since_s` (any monotonic seconds), from where it runs.

    It stops at `end_s`. What can be seen is what was visible at the last whole tick (`tick_s`, the scrape interval).
    """

    end_s: float
    tick_s: float
    now_s: float
    since_s: float = 0.0
    speed: float = 1.0
    is_paused: bool = True

    @property
    def speeds(self) -> tuple[float, ...]:
        """Speeds that can be chosen, in scenario seconds per second."""
        if self.tick_s >= DAY_S:
            return SPEEDS_OF_DAYS
        return SPEEDS + (SPEEDS_OF_HOURS if self.tick_s >= LONG_TICK_S else ())

    def at(self, wall_s: float) -> float:
        """The scenario time at a wall time."""
        if self.is_paused:
            return self.now_s
        return min(self.end_s, self.now_s + max(0.0, wall_s - self.since_s) * self.speed)

    def as_of(self, wall_s: float) -> float:
        """The last whole tick at a wall time; the end of the incident once it is over."""
        return self.tick_before(self.at(wall_s))

    def tick_before(self, time_s: float) -> float:
        """The last whole tick at or before a scenario time."""
        if time_s >= self.end_s:
            return self.end_s
        return math.floor(time_s / self.tick_s + _CLOSE) * self.tick_s

    def is_over(self, wall_s: float) -> bool:
        """Whether the incident has ended."""
        return self.at(wall_s) >= self.end_s

    def moved(self, now_s: float, wall_s: float) -> Clock:
        """The same at another scenario time, which is never earlier than it was."""
        return replace(self, now_s=min(self.end_s, max(self.at(wall_s), now_s)), since_s=wall_s)

    def paused(self, wall_s: float, is_paused: bool = True) -> Clock:
        """Stopped, or running again."""
        return replace(self.moved(0.0, wall_s), is_paused=is_paused)

    def at_speed(self, speed: float, wall_s: float) -> Clock:
        """With another speed, one of `speeds`; ValueError for any other. A paused clock stays paused."""
        if speed not in self.speeds:
            raise ValueError(f"{speed:g}")
        return replace(self.moved(0.0, wall_s), speed=speed)

    def next_tick(self, wall_s: float) -> Clock:
        """One tick later."""
        return self.moved(self.tick_before(self.at(wall_s)) + self.tick_s, wall_s)

    def next_whole(self, period_s: float, wall_s: float) -> Clock:
        """At the beginning of the next period of so many seconds, on a whole tick."""
        return self.next_of([(math.floor(self.as_of(wall_s) / period_s + _CLOSE) + 1) * period_s], wall_s)

    def next_of(self, times_s: Sequence[float], wall_s: float, at_most_s: float = math.inf) -> Clock:
        """At the first of these times that cannot be seen yet, on a whole tick; so much later if it is further off."""
        seen_s = self.as_of(wall_s)
        later = min((time_s for time_s in times_s if time_s > seen_s), default=math.inf)
        until_s = min(later, seen_s + at_most_s, self.end_s)
        return self.moved(math.ceil(until_s / self.tick_s - _CLOSE) * self.tick_s, wall_s)
