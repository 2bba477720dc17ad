"""Stop conditions of a scenario, watched while it runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lab.clock import NS
from lab.recording.status import MISS
from lab.scenario.model import StopWhen
from lab.testbeds.sim.recorder import SERVER, Recorder
from lab.testbeds.sim.state import SystemState
from lab.worlds.base import World


class Safety:
    """Checks each condition at every scrape; calls `stop` with the reason once one has held for its time."""

    def __init__(
        self, conditions: tuple[StopWhen, ...], state: SystemState, world: World[object] | None, recorder: Recorder,
        start_ns: int, stop: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._conditions = conditions
        self._entry = state.entry_edge.index
        self._world = world
        self._recorder = recorder
        self._start_ns = start_ns
        self._stop = stop
        self._since_ns: dict[StopWhen, int | None] = dict.fromkeys(conditions)
        self._last_ns = start_ns
        self._seen = 0

    def check(self, now_ns: int) -> None:
        """Compares the SLIs of the interval since the last check with the conditions."""
        if now_ns <= self._start_ns:
            return
        sides = self._recorder.spans(self._seen)
        self._seen = self._recorder.spans_count
        for condition in self._conditions:
            value = self._sli(condition.sli, sides, now_ns)
            if value is None or not condition.holds(value):
                self._since_ns[condition] = None
                continue
            since = self._since_ns[condition]
            since = self._since_ns[condition] = self._last_ns if since is None else since
            if (now_ns - since) / NS >= condition.for_s:
                self._stop(f"{condition.sli} was {value:.3g} for {(now_ns - since) / NS:.0f} s")
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
