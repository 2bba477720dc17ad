"""Stop conditions of a scenario, watched while it runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lab.clock import NS
from lab.recording.recorder import Recorder
from lab.recording.sides import SERVER
from lab.recording.status import MISS
from lab.scenario.model import StopWhen
from lab.scenario.stopping import StopWatch
from lab.testbeds.sim.state import SystemState
from lab.worlds.base import World


class Safety:
    """Checks each condition at every scrape; calls `stop` with the reason once one has held for its time."""

    def __init__(
        self, conditions: tuple[StopWhen, ...], state: SystemState, world: World[object] | None, recorder: Recorder,
        start_ns: int, stop: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._watch = StopWatch(conditions, missing_ends=True)
        self._slis = tuple(dict.fromkeys(condition.sli for condition in conditions))
        self._entry = state.entry_edge.index
        self._world = world
        self._recorder = recorder
        self._start_ns = start_ns
        self._stop = stop
        self._last_ns = start_ns
        self._seen = 0

    def check(self, now_ns: int) -> None:
        """Compares the SLIs of the interval since the last check with the conditions."""
        if now_ns <= self._start_ns:
            return
        sides = self._recorder.spans(self._seen)
        self._seen = self._recorder.spans_count
        slis: dict[str, float | None] = {name: self._sli(name, sides, now_ns) for name in self._slis}
        began_s, now_s = (self._last_ns - self._start_ns) / NS, (now_ns - self._start_ns) / NS
        if reason := self._watch.reason(slis, now_s, began_s):
            self._stop(reason)
        self._last_ns = now_ns

    def _sli(self, name: str, sides: np.ndarray, now_ns: int) -> float | None:
        if name == "click_through_ratio":
            counts = {metric: values for _, metric, _, values in self._clicks(now_ns)}
            shown = float(counts.get("recommendation.impression.count", np.zeros(1)).sum())
            return float(counts["recommendation.click.count"].sum()) / shown if shown else None
        recent = sides[(sides["edge"] == self._entry) & (sides["side"] != SERVER) & (sides["end_ns"] > self._last_ns)]
        if not len(recent):
            return None
        if name == "error_ratio":
            return float((recent["status"] > MISS).mean())
        return float(np.percentile((recent["end_ns"] - recent["start_ns"]) / NS, 95))

    def _clicks(self, now_ns: int) -> list[tuple[str, str, str, np.ndarray]]:
        edges = np.array([self._last_ns, now_ns])
        return self._world.event_counts(edges) if self._world is not None else []
