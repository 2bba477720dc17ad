"""Control processes on SimPy's clock: scrapes, stop conditions, jobs, pauses, returns from restarts.

Each is an object that knows when it is due next and nothing of the testbed, which `fire` is given: so copies of them go
on at any time on another testbed.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, Protocol

import simpy
from simpy.events import URGENT

from lab.draws import uniform
from lab.injection.levers import ComponentRestart, Place
from lab.recording.status import OK

_GAP, _LENGTH = range(2)
"""What is drawn for a pause."""


class Controlled(Protocol):
    """What control processes do with a testbed."""

    def scrape(self, now_ns: int) -> None:
        """Samples gauges and counts."""

    def make_room(self, now_ns: int) -> None:
        """Makes final what has ended, where it is much."""

    def check_safety(self, now_ns: int) -> None:
        """Compares the SLIs since the last check with the stop conditions."""

    def period_ns(self, job: str) -> int:
        """The present period of a job."""

    def delay_ns(self, job: str, now_ns: int) -> int:
        """How much later a run that is due now starts."""

    def run_job(self, job: str, number: int, due_ns: int, now_ns: int) -> None:
        """Starts run `number` of a job, which was due at `due_ns`, where nothing keeps it from running."""

    def go_on_with(self, job: str, turn: Turn, number: int, status: int, now_ns: int) -> None:
        """Does what has become due of a job's run, see `Due`."""

    def pause(self, component: str, *, is_paused: bool) -> None:
        """A component's own pause begins or ends."""

    def is_back(self, place: Place, restart: ComponentRestart) -> None:
        """A component's process has started anew."""


@dataclass(slots=True)
class Recurring(ABC):
    """Something due at `next_ns`; None: never again."""

    next_ns: int | None = field(default=None, init=False)

    @abstractmethod
    def fire(self, bed: Controlled, now_ns: int) -> int | None:
        """Does what is due now and returns when it is due next."""


class Clock:
    """SimPy's environment and the control processes that run on it, from `now_ns` on."""

    def __init__(self, bed: Controlled, now_ns: int = 0) -> None:
        self.env = simpy.Environment(now_ns)
        self._bed = bed
        self._orders = count()
        self._due: dict[int, tuple[int, Recurring]] = {}

    @property
    def now_ns(self) -> int:
        """Testbed time."""
        return int(self.env.now)

    def start(self, recurring: Recurring, first_ns: int) -> None:
        """Lets a control process run, first at `first_ns`."""
        recurring.next_ns = first_ns
        self._due[id(recurring)] = (next(self._orders), recurring)
        self.env.process(self._drive(recurring))

    def mark(self, at_ns: int) -> simpy.Event:
        """An event at a time, before all control events of that time."""
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        self.env.schedule(event, URGENT, at_ns - self.env.now)
        return event

    def branch(self, bed: Controlled) -> Clock:
        """The same control processes, due at the same times in the same order, for another testbed."""
        other = Clock(bed, self.now_ns)
        # In the order of their events, so that of those due at one time the same comes first.
        for _, recurring in sorted(self._due.values(), key=lambda due: due[0]):
            assert recurring.next_ns is not None
            other.start(copy.copy(recurring), recurring.next_ns)
        return other

    def _drive(self, recurring: Recurring) -> Iterator[simpy.Event]:
        while recurring.next_ns is not None:
            # In the order in which events are made: one that was started by another's may come after that one's next.
            self._due[id(recurring)] = (next(self._orders), recurring)
            yield self.env.timeout(recurring.next_ns - self.env.now)
            recurring.next_ns = recurring.fire(self._bed, self.now_ns)
        del self._due[id(recurring)]


@dataclass(slots=True)
class Scrape(Recurring):
    """Samples gauges at every interval."""

    interval_ns: int

    def fire(self, bed: Controlled, now_ns: int) -> int:
        bed.scrape(now_ns)
        return now_ns + self.interval_ns


@dataclass(slots=True)
class MakeRoom(Recurring):
    """Makes final what has ended, where it is much and scrapes are too far apart to do it."""

    interval_ns: int

    def fire(self, bed: Controlled, now_ns: int) -> int:
        bed.make_room(now_ns)
        return now_ns + self.interval_ns


@dataclass(slots=True)
class SafetyCheck(Recurring):
    """Looks at the stop conditions at every interval."""

    interval_ns: int

    def fire(self, bed: Controlled, now_ns: int) -> int:
        bed.check_safety(now_ns)
        return now_ns + self.interval_ns


@dataclass(slots=True)
class Job(Recurring):
    """Starts a job's run every period, `starts_ns` after it begins; a delayed one later (and it skips while behind).

    A run is numbered by when it is due, so that a delay shifts neither the schedule nor the draws of later runs.
    """

    name: str
    declared_ns: int
    starts_ns: int = 0
    number: int = 0
    is_late: bool = False
    due_ns: int = 0

    def fire(self, bed: Controlled, now_ns: int) -> int:
        if not self.is_late:
            self.due_ns = now_ns
        late_ns = 0 if self.is_late else bed.delay_ns(self.name, now_ns)
        self.is_late = late_ns > 0
        if late_ns:
            return now_ns + late_ns
        bed.run_job(self.name, self.number, self.due_ns, now_ns)
        since_ns = now_ns - self.starts_ns
        # Later than the one before also where the period was made shorter than the system's file has it.
        self.number = max(self.number + 1, since_ns // self.declared_ns)
        period_ns = bed.period_ns(self.name)
        return now_ns + period_ns - since_ns % period_ns


Turn = Literal["ended", "given up", "timed out", "tried again"]
"""What becomes of a run: an attempt ended; its needs were waited for long enough; an attempt took too long; another."""


@dataclass(slots=True)
class Due(Recurring):
    """What is due of a job's run, once. `number`: of the run where it is given up, else of the attempt.

    `status`: how the attempt ended, where it did.
    """

    job: str
    turn: Turn
    number: int
    status: int = OK

    def fire(self, bed: Controlled, now_ns: int) -> None:
        bed.go_on_with(self.job, self.turn, self.number, self.status, now_ns)


@dataclass(slots=True)
class Pauses(Recurring):
    """Stop-the-world pauses (garbage collection, a noisy neighbour) in normal operation.

    Pause k and the gap before it are drawn by `key` and k: exponential gaps, uniform lengths up to twice the mean.
    """

    component: str
    key: int
    every_ns: int
    mean_ns: int
    number: int = 0
    is_paused: bool = False

    def fire(self, bed: Controlled, now_ns: int) -> int:
        self.is_paused = not self.is_paused
        bed.pause(self.component, is_paused=self.is_paused)
        if self.is_paused:
            return now_ns + round(2 * self.mean_ns * uniform(self.key, self.number, _LENGTH, 0))
        self.number += 1
        return now_ns + self.gap_ns()

    def gap_ns(self) -> int:
        """How long it runs before the next pause."""
        return round(-math.log1p(-uniform(self.key, self.number, _GAP, 0)) * self.every_ns)


@dataclass(slots=True)
class Return(Recurring):
    """A component's process is back from a restart, once."""

    place: Place
    restart: ComponentRestart

    def fire(self, bed: Controlled, now_ns: int) -> None:
        bed.is_back(self.place, self.restart)
