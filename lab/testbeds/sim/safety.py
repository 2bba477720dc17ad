"""Stop conditions of a scenario, watched while it runs."""

from __future__ import annotations

import copy

import numpy as np

from lab.clock import NS
from lab.recording.sides import SERVER, Sides
from lab.recording.status import MISS
from lab.scenario.model import StopWhen
from lab.scenario.stopping import StopWatch
from lab.worlds.base import World


class Safety:
    """Checks each condition at every scrape. `entry`: the edge of the users' call; `start_ns`: scenario second 0."""

    def __init__(self, conditions: tuple[StopWhen, ...], entry: int, start_ns: int) -> None:
        self._watch = StopWatch(conditions, missing_ends=True)
        self._slis = tuple(dict.fromkeys(condition.sli for condition in conditions))
        self._entry = entry
        self._start_ns = start_ns
        self._began_ns = start_ns
        self._sides: list[Sides] = []
        self._seen = 0

    @property
    def needs_world(self) -> bool:
        """Whether it looks at what the world makes of finished requests."""
        return "click_through_ratio" in self._slis

    def take(self, sides: Sides) -> None:
        """Keeps what it needs of the sides of a block, of which it may have seen the first ones already."""
        fresh, self._seen = sides[self._seen :], 0
        if self._slis:
            self._sides.append(fresh[(fresh["edge"] == self._entry) & (fresh["side"] != SERVER)])

    def reason(self, now_ns: int, pending: Sides, world: World | None) -> str:
        """Why to stop now, by the SLIs of the interval since the last time; or nothing.

        `pending`: what there is so far of the next block, which is handed over later.
        """
        self.take(pending)
        self._seen = len(pending)
        sides, self._sides = self._sides, []
        if not self._slis or now_ns <= self._start_ns:
            return ""
        recent = np.concatenate(sides) if sides else None
        slis: dict[str, float | None] = {name: self._sli(name, recent, now_ns, world) for name in self._slis}
        began_s, now_s = (self._began_ns - self._start_ns) / NS, (now_ns - self._start_ns) / NS
        self._began_ns = now_ns
        return self._watch.reason(slis, now_s, began_s)

    def branch(self) -> Safety:
        """A copy that goes on by itself."""
        other = copy.copy(self)
        other._watch, other._sides = copy.deepcopy(self._watch), list(self._sides)
        return other

    def _sli(self, name: str, sides: Sides | None, now_ns: int, world: World | None) -> float | None:
        if name == "click_through_ratio":
            return self._click_through(now_ns, world) if world is not None else None
        recent = sides[sides["end_ns"] > self._began_ns] if sides is not None else None
        if recent is None or not len(recent):
            return None
        if name == "error_ratio":
            return float((recent["status"] > MISS).mean())
        return float(np.percentile((recent["end_ns"] - recent["start_ns"]) / NS, 95))

    def _click_through(self, now_ns: int, world: World) -> float | None:
        counts = {metric: values for _, metric, _, values in world.counts(np.array([self._began_ns, now_ns]))}
        shown = float(counts["recommendation.impression.count"].sum())
        return float(counts["recommendation.click.count"].sum()) / shown if shown else None
