"""The embedded testbed: a scenario on a simulated system, the same bytes for the same seed."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pyarrow as pa

from lab.clock import NS, to_ns
from lab.content.checked import open_content
from lab.content.protocol import Layout, WorldContext
from lab.draws import stream_key
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
from lab.recording.arrow import numbers
from lab.recording.cut import cut
from lab.recording.datasets import START
from lab.recording.entries import LogArgument
from lab.recording.ids import STREAM_SHIFT, request_number
from lab.recording.observed import Observed
from lab.recording.rows import kept_rows
from lab.recording.sides import from_words
from lab.recording.status import TIMEOUT
from lab.scenario import LoadedScenario
from lab.scenario.arrivals import Arrivals, Times
from lab.scenario.model import Stage
from lab.streams import Streams
from lab.testbeds.sim.control import Clock, Due, Job, MakeRoom, Pauses, Return, SafetyCheck, Scrape, Turn
from lab.testbeds.sim.job_graph import JobGraph
from lab.testbeds.sim.levers import SimLevers
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.arrivals import Source, Sources
from lab.testbeds.sim.plane.build import NO_CONTENT, build
from lab.testbeds.sim.plane.loop import load_plane
from lab.testbeds.sim.plane.plane import Ended, Plane
from lab.testbeds.sim.plane.restart import end_process, end_request
from lab.testbeds.sim.plane.world_view import PlaneView
from lab.testbeds.sim.safety import Safety
from lab.testbeds.sim.state import ComponentState, at_rest
from lab.testbeds.sim.telemetry import COMMIT_NS, Telemetry

JOB = "job/"
"""What names of the streams of jobs' runs begin with."""


class SimTestbed(Testbed):
    """The simulated system of one scenario and seed: load, levers, telemetry.

    `past`: another one of the same scenario and seed; this one goes on from where that one is.
    """

    def __init__(self, loaded: LoadedScenario, seed: int, *, past: SimTestbed | None = None) -> None:
        self.scenario = loaded.scenario
        self.system = loaded.system
        self.journal_entries: list[JournalEntry] = []
        self.stopped_because = ""
        self._loaded, self._seed = loaded, seed
        self._streams = Streams(seed)
        self._start_ns = to_ns(self.system.warmup_s)
        self._end_ns = self._start_ns + to_ns(self.scenario.duration_s)
        self._state = at_rest(self.system)
        if past is None:
            self._begin()
        else:
            self._go_on_from(past)

    def _begin(self) -> None:
        """Opens everything at the start of the warm-up."""
        entry = self._state.entry_edge
        jobs = {c.index: c.period_ns for c in self._state.components.values() if c.spec.kind == "job"}
        conditions = self.scenario.safety.stop_when
        safety = Safety(conditions, self.system, entry.index if entry else None, jobs, self._start_ns)
        self._telemetry = Telemetry(self.system, self._streams, self._start_ns, self._end_ns, safety)
        self._world = open_content(self._context())
        layout = self._world.layout if self._world else NO_CONTENT
        self._plane = Plane(build(self.system, layout), load_plane(layout.decide), self)
        if self._world is not None:
            self._world.bind(self._view(layout))
        self._sources = Sources(self._plane, self._streams, self._subjects if self._world else None)
        self._clock = Clock(self)
        self._levers = self._new_levers()
        self._jobs: dict[str, int] = {}
        self._graph = JobGraph.of(self.system)
        self._schedule()

    def _go_on_from(self, past: SimTestbed) -> None:
        """Copies what changes in a run; what is recorded for good is shared."""
        past._plane.drain()
        self.journal_entries = list(past.journal_entries)
        self.holds = past.holds.copy()
        self._telemetry = past._telemetry.branch()
        self._plane = past._plane.branch(self)
        self._sources = past._sources.branch(self._plane, self._subjects if past._world else None)
        self._world = None
        if past._world is not None:
            self._world = past._world.branch(self._context(), self._view(past._world.layout), self._sources.all)
        self._clock = past._clock.branch(self)
        self._levers = self._new_levers()
        self._levers.adopt(past._levers)
        self._jobs = past._jobs
        self._graph = past._graph.branch()

    def _view(self, layout: Layout) -> PlaneView:
        return PlaneView(lambda: self._plane.tables, layout, self._plane.decide_with, self._ask_anew)

    def _ask_anew(self) -> None:
        self._sources.ask_anew()

    def branch(self) -> SimTestbed:
        """A testbed that goes on from here by itself, as this one would."""
        return SimTestbed(self._loaded, self._seed, past=self)

    def _context(self) -> WorldContext:
        return WorldContext(
            self.system, self._streams, self._start_ns, self._end_ns, self._first_rate_per_s,
            self._telemetry.log, self._telemetry.announce, self._telemetry.datasets,
        )  # fmt: skip

    @property
    def _first_rate_per_s(self) -> float:
        return self.scenario.stages[0].rate_per_s if self.scenario.stages else 0.0

    def _new_levers(self) -> SimLevers:
        return SimLevers(
            self._state, self._world, self._plane.release, self._surge, self._telemetry.announce,
            lambda: self._clock.now_ns, self._end_process, self._restart_ends,
        )  # fmt: skip

    # The lever table.

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        return self._levers.read(lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        self._plane.drain()  # what came before is settled by what held before
        self._levers.write(lever, element, value)
        self._plane.sync(self._state)

    def perform(self, element: str, act: ActValue) -> None:
        self._plane.drain()
        self._levers.perform(element, act)
        self._plane.sync(self._state)

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
        return (self._clock.now_ns - self._start_ns) / NS

    def advance(self, until_s: float) -> None:
        """Lets scenario time pass until `until_s`, at most to the end, or until a stop condition holds.

        It stops before all control events of that time; the number of steps makes no difference.
        """
        until_ns = self._start_ns + to_ns(min(until_s, self.scenario.duration_s))
        if until_ns <= self._clock.now_ns or self.stopped_because:
            return
        arrived = self._clock.mark(until_ns)
        while not arrived.processed and not self.stopped_because:
            # Requests advance from one control event to the next; the state stands still in between.
            due_ns = int(self._clock.env.peek())
            ended = self._plane.advance(due_ns) if due_ns > self._plane.now_ns else None
            if ended is not None:
                self._attempt_ended(ended)
            else:
                self._clock.env.step()

    def observed(self, until_s: float) -> Observed:
        """What could be observed by `until_s`, at most now. Nothing changes."""
        self._plane.drain()
        return cut(self._telemetry.observed(self._world, self._until_now_ns()), min(until_s, self.now_s))

    def metrics(self, until_s: float) -> pa.Table:
        """The metrics that could be observed by `until_s`, at most now, and maybe more of them. Nothing changes."""
        self._plane.drain()
        table = self._telemetry.metrics(self._world, self._until_now_ns())
        return kept_rows(table, numbers(table["time_s"]) <= min(until_s, self.now_s))

    def finish(self) -> Observed:
        """What could be observed of the run, which ends here, whether it came to its end or not."""
        self._plane.drain()
        return self._telemetry.observed(self._world, self._until_now_ns())

    def _until_now_ns(self) -> int:
        """Now; a recording has one scrape interval at least, and what has not happened yet is not in it."""
        least_ns = self._start_ns + to_ns(self.system.scrape_interval_s)
        return min(max(self._clock.now_ns, least_ns), self._end_ns)

    def tidy_up(self) -> None:
        """From now on what is put back shows in no recording: what the system says of it is no part of the scenario."""
        self._plane.drain()  # what happened until now is logged
        self._telemetry.ended = True

    # What the plane leaves to others.

    def take(self, sides: at.Array, served: at.Array, done: at.Array, now_ns: int) -> None:
        self._telemetry.take(self._world, sides, served, done, now_ns)

    def refill(self, source: int) -> None:
        self._sources.refill(source)

    def operate(self, operation: str, now_ns: int, request: int) -> int:
        assert self._world is not None
        return self._world.operate(operation, now_ns, request)

    def _subjects(self, source: Source, first: int, times_ns: Times) -> tuple[Times, Times | None]:
        assert self._world is not None
        return self._world.arrive(source, first, times_ns)

    # What control processes do.

    def scrape(self, now_ns: int) -> None:
        self._telemetry.scrape(self._plane, self._world, now_ns)
        if self._telemetry.is_due(now_ns):
            self._commit(now_ns)

    def make_room(self, now_ns: int) -> None:
        if self._telemetry.is_full:
            self._commit(now_ns)

    def _commit(self, now_ns: int) -> None:
        self._plane.drain()
        self._telemetry.commit(self._world, now_ns)

    def check_safety(self, now_ns: int) -> None:
        safety = self._telemetry.safety
        if safety.needs_world:
            self._plane.drain()
        recent = partial(self._telemetry.recent, self._world, now_ns) if self._world is not None else None
        self.stopped_because = safety.reason(now_ns, from_words(self._plane.pending_sides()), recent)

    def period_ns(self, job: str) -> int:
        return self._state.components[job].period_ns

    def delay_ns(self, job: str, now_ns: int) -> int:
        return to_ns(self._levers.job_delay_s(job))

    def run_job(self, job: str, number: int, due_ns: int, now_ns: int) -> None:
        if job in self._graph.jobs:
            self._graph.due(self, job, number, due_ns, self.period_ns(job), now_ns)
        elif self.may_run(job):
            self.start_attempt(job, number, now_ns)

    def go_on_with(self, job: str, turn: Turn, number: int, status: int, now_ns: int) -> None:
        self._graph.go_on_with(self, job, turn, number, status, now_ns)

    # What runs the attempts of scheduled jobs.

    def may_run(self, job: str) -> bool:
        return not self._levers.job_frozen(job) and not self._state.components[job].stopped

    def start_attempt(self, job: str, number: int, now_ns: int) -> None:
        self._telemetry.datasets.note_run(now_ns, request_number(self._jobs[job], number), job, START)
        self._sources.submit(self._sources.all[self._jobs[job]], number, now_ns)

    def end_attempt(self, job: str, now_ns: int) -> None:
        self._plane.drain()
        end_request(self._plane, self._state.components[job].index, TIMEOUT)

    def look_later(self, job: str, turn: Turn, number: int, at_ns: int) -> None:
        self._clock.start(Due(job, turn, number), at_ns)

    def log_job(self, job: str, event: str, number: int | None, now_ns: int, *facts: LogArgument) -> None:
        request = -1 if number is None else request_number(self._jobs[job], number)
        level = "ERROR" if event == "job_timeout" else "WARN"
        self._telemetry.log(now_ns, job, level, event, request, *facts)

    def note_job(self, job: str, metric: str, value: float, now_ns: int) -> None:
        self._telemetry.jobs.note(job, metric, value, now_ns)

    def _attempt_ended(self, ended: Ended) -> None:
        """The plane has stopped where a run ended: what follows is due at that very time."""
        name = self._sources.all[ended.request >> STREAM_SHIFT].name.removeprefix(JOB)
        number = ended.request & ((1 << STREAM_SHIFT) - 1)
        self._clock.start(Due(name, "ended", number, ended.status), self._plane.now_ns)

    def pause(self, component: str, *, is_paused: bool) -> None:
        state = self._state.components[component]
        (state.holds.add if is_paused else state.holds.discard)("runtime")
        if not state.holds:
            self._plane.release(state)
        self._plane.sync_component(state)

    def is_back(self, place: Place, restart: ComponentRestart) -> None:
        self._plane.drain()
        self._levers.is_back(place, restart)
        self._plane.sync(self._state)

    def _end_process(self, component: ComponentState) -> None:
        self._plane.drain()
        end_process(self._plane, component.index)
        edges = [edge.index for edge in self._state.edges_into(component.name)]
        self._telemetry.recorder.forget_unfinished(edges, self._clock.now_ns)

    def _restart_ends(self, seconds: float, place: Place, restart: ComponentRestart) -> None:
        self._clock.start(Return(place, restart), self._clock.now_ns + to_ns(seconds))

    # Load.

    def _schedule(self) -> None:
        scrape_ns = to_ns(self.system.scrape_interval_s)
        self._clock.start(Scrape(scrape_ns), scrape_ns)
        if scrape_ns > COMMIT_NS and self.system.users is not None:
            self._clock.start(MakeRoom(COMMIT_NS), COMMIT_NS)
        if self.scenario.safety.stop_when:
            self._clock.start(SafetyCheck(scrape_ns), scrape_ns)
        for component in self._state.components.values():
            if component.spec.pauses:
                every_ns, mean_ns = to_ns(component.spec.pauses.every_s), to_ns(component.spec.pauses.mean_s)
                key = stream_key(self._streams, "pauses", component.name)
                pauses = Pauses(component.name, key, every_ns, mean_ns)
                self._clock.start(pauses, pauses.gap_ns())
            if component.spec.kind == "job":
                is_watched = component.name in self._graph.jobs
                source = self._sources.open_job(f"{JOB}{component.name}", component.index, is_watched=is_watched)
                self._telemetry.keys.append(source.key)
                self._jobs[component.name] = source.number
                starts_ns = to_ns(component.spec.starts_s)
                job = Job(component.name, component.period_ns, starts_ns)
                self._clock.start(job, component.period_ns + starts_ns)
        stages, warmup_s = self.scenario.stages, self.system.warmup_s
        if stages and warmup_s:
            first = Stage.model_construct(for_s=warmup_s, rate_per_s=self._first_rate_per_s)
            self._open_load("warmup", (first,), 0.0)
        if stages:
            self._open_load("load", stages, warmup_s)

    def _open_load(self, name: str, stages: tuple[Stage, ...], start_s: float, *, responds: bool = True) -> None:
        arrivals = Arrivals(stages, start_s, self.system.load_wobble_ratio, self._streams, name)
        entry = self._state.entry_edge
        assert entry is not None, "whoever has a load has users"  # lab.scenario.checks
        source = self._sources.open(name, entry.caller.index, arrivals, responds=responds)
        self._telemetry.keys.append(source.key)

    def _surge(self, kind: Literal["surge", "bots"], value: PopulationSurge | PopulationBots | None) -> None:
        """Opens a further arrival stream, or closes the open ones of this kind."""
        now_ns = self._clock.now_ns
        for source in self._sources.all:
            if source.name.startswith(f"{kind}/"):
                self._sources.close(source, now_ns)
        if value and now_ns < self._end_ns:
            stage = Stage.model_construct(for_s=(self._end_ns - now_ns) / NS, rate_per_s=value.rate_per_s)
            # Named by its start, so that another surge shifts none of its draws.
            self._open_load(f"{kind}/{now_ns}", (stage,), now_ns / NS, responds=kind != "bots")
