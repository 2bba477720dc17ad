"""One run on local processes, in real time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chaos_lab_processes.driver import ProcessesOptions
from chaos_lab_processes.levers import LEVERS
from chaos_lab_processes.load import Load
from chaos_lab_processes.processes import Processes
from chaos_lab_processes.telemetry import observed
from lab.injection.levers import ActValue, AnyLever, Json, Testbed, Undo
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.scenario import LoadedScenario, Stage
from lab.scenario.stopping import StopWatch
from lab.testbeds.driver import Recorded, Session

LEAD_S = 1.0
"""Real seconds for processes to come up before the warm-up."""
POLL_S = 0.02


class ProcessLevers(Testbed):
    """The one lever of this testbed: a component that is paused is a process that is stopped."""

    def __init__(self, session: ProcessesSession) -> None:
        self.system = session.loaded.system
        self.entries: list[dict[str, Any]] = []
        self._session = session

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        return LEVERS.read(self._session.processes, lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        LEVERS.write(self._session.processes, lever, element, value)

    def perform(self, element: str, act: ActValue) -> None:
        LEVERS.do(self._session.processes, element, act)

    def journal(self, event: str, undo: Undo, value: Json | None) -> None:
        self.entries.append({
            "time_s": round(self._session.now_s, 3), "event": event, "lever": undo.lever, "element": undo.element,
            "value": value, "previous": undo.previous,
        })  # fmt: skip


class ProcessesSession(Session):
    """A run begins when the session is entered: the clock does not wait for `advance`."""

    levers: ProcessLevers

    def __init__(self, loaded: LoadedScenario, seed: int, options: ProcessesOptions) -> None:
        super().__init__()
        self.loaded, self._seed, self._options = loaded, seed, options
        self._directory = tempfile.TemporaryDirectory(prefix="chaos-lab-processes-")
        place = Path(self._directory.name)
        self.processes = Processes(loaded.system, place, options.state_dir)
        self.levers = ProcessLevers(self)
        self.settles_s = self.judging_s = 0.2 * options.time_scale
        self._start_unix_s = 0.0
        self._load: Load | None = None
        self._checked_s = 0.0
        self._stop_when = StopWatch(loaded.scenario.safety.stop_when)

    def __enter__(self) -> ProcessesSession:
        try:
            self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def _begin(self) -> None:
        system, scale = self.loaded.system, self._options.time_scale
        self.processes.start()
        assert system.users is not None  # the driver refuses a system without users
        entry = next(step for step in self.processes.steps(system.users) if step["call"] == system.entry)
        self._load = Load(system.users, entry, self.processes.spans_file(system.users))
        begins_unix_s = time.time() + LEAD_S
        self._start_unix_s = begins_unix_s + system.warmup_s / scale
        stages = self.loaded.scenario.stages
        warmup = Stage.model_construct(for_s=system.warmup_s, rate_per_s=stages[0].rate_per_s)
        self._load.start(self._seed, [warmup, *stages], begins_unix_s, scale)

    @property
    def now_s(self) -> float:
        return min((time.time() - self._start_unix_s) * self._options.time_scale, self.duration_s)

    @property
    def duration_s(self) -> float:
        return self.loaded.scenario.duration_s

    def advance(self, until_s: float) -> None:
        until_s = min(until_s, self.duration_s)
        while not self.ended and (left_s := until_s - self.now_s) > 0:
            time.sleep(min(POLL_S, left_s / self._options.time_scale))
            self._look()

    def _look(self) -> None:
        """Ends the run where a process died, or where a stop condition has held for its time."""
        if dead := self.processes.dead():
            self.ended = f"the process of {dead[0]} ended by itself"
        interval_s, now_s = self.loaded.system.scrape_interval_s, self.now_s
        if now_s - self._checked_s < interval_s:
            return
        self._checked_s = now_s
        since_s = now_s - interval_s
        self.ended = self.ended or self._stop_when.reason(self._slis(since_s), now_s, since_s)

    def _slis(self, since_s: float) -> Mapping[str, float]:
        """What users got since a scenario second."""
        assert self._load is not None
        since_unix_s = self._start_unix_s + since_s / self._options.time_scale
        mine = [(took_s, failed) for ended_s, took_s, failed in list(self._load.recent) if ended_s >= since_unix_s]
        if not mine:
            return {}
        took_s, failed = zip(*mine, strict=True)
        return {"error_ratio": float(np.mean(failed)), "latency_p95_s": float(np.percentile(took_s, 95))}

    def observed(self, until_s: float) -> Observed:
        now_s = self.now_s
        return cut(self._collect(now_s), min(until_s, now_s))

    def finish(self) -> Recorded:
        end_s = max(self.now_s, self.loaded.system.scrape_interval_s)
        self.revert_all()
        if self._load is not None:
            self._load.end()
        return Recorded(
            self._collect(end_s), dict(self.windows), events=self.levers.entries,
            meta={"time_scale": self._options.time_scale},
        )  # fmt: skip

    def close(self) -> None:
        self.processes.end()
        if self._load is not None:
            self._load.end()
        self._directory.cleanup()

    def _collect(self, end_s: float) -> Observed:
        system = self.loaded.system
        files = [self.processes.spans_file(name) for name in system.components]
        return observed(files, system, self._start_unix_s, self._options.time_scale, end_s)
