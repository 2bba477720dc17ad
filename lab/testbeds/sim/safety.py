"""Stop conditions of a scenario, watched while it runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from lab.clock import NS, to_ns
from lab.recording.sampling import NOBODY
from lab.recording.sides import SERVER, Sides
from lab.recording.slis import Samples, computed
from lab.recording.status import MISS
from lab.registration.known import slis_of
from lab.registration.slis import AVAILABILITY, ERROR_RATIO, LATENCY_P50_S, LATENCY_P95_S, LATENCY_P99_S
from lab.scenario.model import StopWhen
from lab.scenario.stopping import StopWatch
from lab.systems.topology import System
from lab.testbeds.sim.job_runs import OF_JOBS, JobRuns

Recent = Callable[[int], pa.Table]
"""What the world reports of the last so many scrape intervals, as a table of metrics."""

_PERCENT: Mapping[str, float] = {LATENCY_P50_S: 50, LATENCY_P95_S: 95, LATENCY_P99_S: 99}


class Safety:
    """Checks each condition at every scrape.

    `entry`: the edge of the users' call, None without users; `jobs`: periods (ns) by component index; `start_ns`:
    scenario second 0.
    """

    def __init__(
        self,
        conditions: tuple[StopWhen, ...],
        system: System,
        entry: int | None,
        jobs: Mapping[int, int],
        start_ns: int,
    ) -> None:
        self._watch = StopWatch(conditions, missing_ends=True)
        self._slis = tuple(dict.fromkeys(condition.sli for condition in conditions))
        self._system = system
        self._known = slis_of(system.world.name if system.world else None)
        self._entry = NOBODY if entry is None else entry
        self._runs = JobRuns(jobs, start_ns, to_ns(system.scrape_interval_s))
        self._start_ns = start_ns
        self._began_ns = start_ns
        self._sides: list[Sides] = []
        self._seen = 0

    @property
    def needs_world(self) -> bool:
        """Whether it looks at what the world makes of finished requests."""
        return any(name not in (*_OF_REQUESTS, *OF_JOBS) for name in self._slis)

    def take(self, sides: Sides) -> None:
        """Keeps what it needs of the sides of a block, of which it may have seen the first ones already."""
        fresh, self._seen = sides[self._seen :], 0
        if self._slis:
            self._sides.append(fresh[(fresh["edge"] == self._entry) & (fresh["side"] != SERVER)])
            self._runs.take(fresh)

    def reason(self, now_ns: int, pending: Sides, recent: Recent | None) -> str:
        """Why to stop now, by the SLIs of the interval since the last time; or nothing.

        `pending`: what there is so far of the next block, which is handed over later. SLIs of the world are over their
        own windows; `recent` None: there is no world.
        """
        self.take(pending)
        self._seen = len(pending)
        sides, self._sides = self._sides, []
        if not self._slis or now_ns <= self._start_ns:
            return ""
        known = np.concatenate(sides) if sides else None
        ended = known[known["end_ns"] > self._began_ns] if known is not None else None
        slis = {name: self._value(name, ended, now_ns, recent) for name in self._slis}
        began_s, now_s = (self._began_ns - self._start_ns) / NS, (now_ns - self._start_ns) / NS
        self._began_ns = now_ns
        return self._watch.reason(slis, now_s, began_s)

    def branch(self) -> Safety:
        """A copy that goes on by itself."""
        other = copy.copy(self)
        other._watch, other._sides = copy.deepcopy(self._watch), list(self._sides)
        other._runs = copy.deepcopy(self._runs)
        return other

    def _value(self, name: str, ended: Sides | None, now_ns: int, recent: Recent | None) -> float | None:
        """An SLI of the interval that ends now; None where there is none."""
        if name in _OF_REQUESTS:
            return _of_requests(name, ended)
        return self._runs.value(name, now_ns) if name in OF_JOBS else self._of_world(name, now_ns, recent)

    def _of_world(self, name: str, now_ns: int, recent: Recent | None) -> float | None:
        """The SLI at the end of the last interval."""
        if recent is None or name not in self._known:
            return None
        sli = self._known[name]
        times_s, values = computed(sli, Samples.of(recent(sli.window_intervals), self._system)).known()
        since_s = (now_ns - self._start_ns) / NS - self._system.scrape_interval_s
        return float(values[-1]) if len(values) and times_s[-1] > since_s else None


_OF_REQUESTS = (ERROR_RATIO, AVAILABILITY, *_PERCENT)


def _of_requests(name: str, ended: Sides | None) -> float | None:
    if ended is None or not len(ended):
        return None
    if name in _PERCENT:
        return float(np.percentile((ended["end_ns"] - ended["start_ns"]) / NS, _PERCENT[name]))
    failed = float((ended["status"] > MISS).mean())
    return failed if name == ERROR_RATIO else 1 - failed
