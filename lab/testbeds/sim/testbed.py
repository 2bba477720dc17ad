"""The embedded testbed: a scenario on a simulated system, the same bytes for the same seed."""

from __future__ import annotations

from typing import Literal

import simpy
from simpy.events import URGENT

from lab.clock import NS, to_ns
from lab.injection.levers import (
    ActValue,
    AnyLever,
    ComponentRestart,
    Event,
    JournalEntry,
    Json,
    Place,
    PopulationBots,
    PopulationSurge,
    Testbed,
    Undo,
)
from lab.recording.cut import cut
from lab.recording.entries import ChangeEntry, LogArgument
from lab.recording.observed import Observed
from lab.recording.recorder import Recorder
from lab.scenario import LoadedScenario
from lab.scenario.arrivals import arrival_times_ns
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.testbeds.sim import control
from lab.testbeds.sim.collect import Telemetry, collect
from lab.testbeds.sim.engine import RequestEngine
from lab.testbeds.sim.levers import SimLevers
from lab.testbeds.sim.safety import Safety
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import ComponentState, build
from lab.worlds.base import WorldContext, open_world


class SimTestbed(Testbed):
    """The simulated system of one scenario and seed: load, levers, telemetry."""

    def __init__(self, loaded: LoadedScenario, seed: int) -> None:
        self.scenario = loaded.scenario
        self.system = loaded.system
        self.journal_entries: list[JournalEntry] = []
        self.stopped_because = ""
        self._ended = False
        self._streams = Streams(seed)
        self._start_ns = to_ns(self.system.warmup_s)
        self._end_ns = self._start_ns + to_ns(self.scenario.duration_s)
        self._env = simpy.Environment()
        self._recorder = Recorder()
        self._changes: list[ChangeEntry] = []
        self._sources: list[Source] = []
        context = WorldContext(
            self.system,
            self._streams,
            self._start_ns,
            self._end_ns,
            self.scenario.load.stages[0].rate_per_s,
            self._log,
            self._announce,
        )
        self._world = open_world(context)
        self._state = build(self.system, self._world.operations if self._world else {})
        complete = self._world.complete if self._world else None
        self._engine = RequestEngine(self._state, self._recorder, complete)
        self._levers = SimLevers(
            self._state, self._world, self._engine.release, self._surge, self._announce, lambda: int(self._env.now),
            self._engine.end_process, self._restart_ends,
        )  # fmt: skip
        self._telemetry = Telemetry(self._state, self._world)
        self._schedule()

    # The lever table.

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        return self._levers.read(lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        self._levers.write(lever, element, value)

    def perform(self, element: str, act: ActValue) -> None:
        self._levers.perform(element, act)

    def journal(self, event: Event, undo: Undo, value: Json | None) -> None:
        self.journal_entries.append(
            {
                "time_s": self.now_s, "event": event, "lever": undo.lever, "element": undo.element, "value": value,
                "previous": undo.previous,
            }
        )  # fmt: skip

    @property
    def now_s(self) -> float:
        """Scenario seconds; negative while warming up."""
        return float((self._env.now - self._start_ns) / NS)

    def advance(self, until_s: float) -> None:
        """Lets scenario time pass until `until_s`, at most to the end, or until a stop condition holds.

        It stops before all control events of that time; the number of steps makes no difference.
        """
        env, until_ns = self._env, self._start_ns + to_ns(min(until_s, self.scenario.duration_s))
        if until_ns <= env.now or self.stopped_because:
            return
        arrived = simpy.Event(env)
        arrived._ok, arrived._value = True, None
        env.schedule(arrived, URGENT, until_ns - env.now)
        while not arrived.processed and not self.stopped_because:
            # Requests advance from one control event to the next; the state stands still in between.
            self._engine.advance(env.peek())
            env.step()

    def observed(self, until_s: float) -> Observed:
        """What could be observed by `until_s`, at most now. Nothing changes."""
        return cut(self._collect(self._until_now_ns()), min(until_s, self.now_s))

    def finish(self) -> Observed:
        """What could be observed of the run, which ends here, whether it came to its end or not."""
        if self._world is not None:
            self._world.finish(self._end_ns)
        return self._collect(self._until_now_ns())

    def _until_now_ns(self) -> int:
        """Now; a recording has one scrape interval at least, and what has not happened yet is not in it."""
        least_ns = self._start_ns + to_ns(self.system.scrape_interval_s)
        return min(max(int(self._env.now), least_ns), self._end_ns)

    def tidy_up(self) -> None:
        """From now on what is put back shows in no recording: what the system says of it is no part of the scenario."""
        self._ended = True

    def _collect(self, end_ns: int) -> Observed:
        span_ns = (self._start_ns, end_ns)
        return collect(self._telemetry, self._recorder, self._sources, self._changes, span_ns, self._streams)

    def _schedule(self) -> None:
        env = self._env
        env.process(control.scrape(env, to_ns(self.system.scrape_interval_s), self._telemetry.sample))
        if self.scenario.safety.stop_when:
            safety = Safety(
                self.scenario.safety.stop_when, self._state, self._world, self._recorder, self._start_ns, self._stop
            )
            env.process(control.scrape(env, to_ns(self.system.scrape_interval_s), safety.check))
        for component in self._state.components.values():
            if component.spec.pauses:
                env.process(control.pause_sometimes(env, component, self._streams, self._engine.release))
            if component.spec.kind == "job":
                self._schedule_job(component)
        warmup = (
            Stage.model_construct(for_s=self.system.warmup_s, rate_per_s=self.scenario.load.stages[0].rate_per_s),
        )
        self._open_load("warmup", warmup, 0.0)
        self._open_load("load", self.scenario.load.stages, self.system.warmup_s)

    def _log(
        self, time_ns: int, component: str, level: str, template: str, request: int, *arguments: LogArgument
    ) -> None:
        if not self._ended:
            self._recorder.log(time_ns, component, level, template, request, *arguments)

    def _schedule_job(self, component: ComponentState) -> None:
        count = int((self._end_ns / NS) / component.spec.period_s) + 1
        source = self._new_source(f"job/{component.name}", [], count)
        source.records_root = True
        self._env.process(control.run_job(self._env, self._engine, self._levers, component, source))

    def _new_source(self, name: str, times_ns: list[int], count: int | None = None) -> Source:
        source = Source(name, len(self._sources), times_ns, self._streams, count=count)
        self._sources.append(source)
        return source

    def _open_load(self, name: str, stages: tuple[Stage, ...], start_s: float, *, clicks: bool = True) -> Source:
        rng = self._streams.generator(name, "arrivals")
        times = arrival_times_ns(stages, start_s, self.system.load_wobble_ratio, rng)
        source = self._new_source(name, times)
        if self._world is not None:
            self._world.open(source, clicks=clicks)
        self._engine.open(source)
        return source

    def _surge(self, kind: Literal["surge", "bots"], value: PopulationSurge | PopulationBots | None) -> None:
        """Opens a further arrival stream, or closes the open ones of this kind."""
        for source in self._sources:
            if source.name.startswith(f"{kind}/"):
                source.active = False
        if value and self._env.now < self._end_ns:
            left_s = (self._end_ns - self._env.now) / NS
            stage = Stage.model_construct(for_s=left_s, rate_per_s=value.rate_per_s)
            # Named by its start, so that another surge shifts none of its draws.
            name = f"{kind}/{self._env.now}"
            self._open_load(name, (stage,), self._env.now / NS, clicks=kind != "bots")

    def _restart_ends(self, seconds: float, place: Place, restart: ComponentRestart) -> None:
        self._env.process(control.later(self._env, seconds, lambda: self._levers.is_back(place, restart)))

    def _announce(self, time_ns: int, component: str, kind: str, summary: str) -> None:
        if self._ended:
            return
        time_s = (time_ns - self._start_ns) / NS
        self._changes.append({"time_s": time_s, "service.name": component, "kind": kind, "summary": summary})

    def _stop(self, reason: str) -> None:
        self.stopped_because = reason
