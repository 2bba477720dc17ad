"""Runs a scenario on the real stack, in real time: drive load, inject and revert on schedule, collect, record."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from lab.contracts import TrueFault, Truth
from lab.errors import RunAbortedError
from lab.faults import fault_type
from lab.recording.observed import Observed
from lab.recording.rundir import COMPLETE, INCONCLUSIVE, RunDirectory, write_run
from lab.runner import check_steady_state, meta, run_directory_name
from lab.scenario import DecoyUse, FaultUse, LoadedScenario
from lab.scenario.timeline import moments
from lab.signals import compute_signals
from lab.testbeds.plan import plan
from lab.testbeds.stack import live, recovery
from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.feasible import check_feasible
from lab.testbeds.stack.http import call, download
from lab.testbeds.stack.levers import FEED_PORT, LOAD_PORT
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.safety import StopWatch
from lab.testbeds.stack.samples import ContainerSampler
from lab.testbeds.stack.session import Session
from lab.testbeds.stack.ticker import Stalls, Ticker
from lab.truth import true_decoys, true_degradation, true_fault
from lab.witness import judge_witnesses_alone

COLLECTOR_PORT = 4318
LEAD_S = 4.0
SETTLE_S = 3.0
POLL_S = 0.05
BUSY_RATIO = 0.3
"""Share of the time in which something on the host waits for a CPU, from which on the machine may be to blame."""
LATE_SHARE_MAX = 0.2

Progress = Callable[[str, float], None]


class _StoppedError(Exception):
    """A stop condition held; the run ends here."""


def run_scenario(
    loaded: LoadedScenario, seed: int, root: Path, options: StackOptions, progress: Progress | None = None
) -> RunDirectory:
    """Runs the scenario on the stack and writes the recording under `root`.

    Raises UserError where the stack cannot do it, RunAbortedError where the steady state did not hold, and
    NotRevertedError where something could not be put back.
    """
    check_feasible(loaded, options.time_scale)
    session = Session(loaded.system)
    with held(session, options, progress):
        session.recover()
        return _Run(session, loaded, seed, options, progress or _silent).record(root)


@contextmanager
def held(session: Session, options: StackOptions, progress: Progress | None = None) -> Iterator[None]:
    """The stack, up and for this lab alone; unless it is to be kept, what was brought up here goes afterwards."""
    with session.lock.held():
        (progress or _silent)("bringing the stack up", 0.0)
        session.journal.prepare()
        before = belongings(session.compose)
        if not options.keep:
            session.lock.remember(before.to_json())
        try:
            session.up(build=options.build, load_workers=options.load_workers)
            yield
        finally:
            if not options.keep:
                with session.lock.ending("taking down what it brought up"):
                    session.go_back_to(before)
            session.journal.clear()


def _silent(what: str, share: float) -> None:
    pass


class _Run:
    def __init__(
        self, session: Session, loaded: LoadedScenario, seed: int, options: StackOptions, tell: Progress
    ) -> None:
        self._session = session
        self._loaded = loaded
        self._seed = seed
        self._options = options
        self._tell = tell
        self._windows: dict[str, tuple[float, float]] = {}
        self._restarted: set[str] = set()
        self._started: dict[str, str] = {}
        self._stopped = ""
        self._late_sends_count = 0
        self._watch = StopWatch(
            loaded.scenario.safety.stop_when, lambda: session.compose.url("collector", COLLECTOR_PORT)
        )
        self._held: dict[str, ExitStack] = {}

    def record(self, root: Path) -> RunDirectory:
        """Drives the run and writes what it left."""
        session, loaded = self._session, self._loaded
        session.lock.tell(phase="preparing", scenario=loaded.scenario.name, seed=self._seed)
        session.reset_versions()
        deploys = [act.value for act in plan(loaded).timeline if act.lever == "model.deploy" and act.event == "pull"]
        session.pretrain(deploys)
        run = self._start()
        sampler = ContainerSampler(session.compose, loaded.system, lambda: session.now_s)
        ticker = Ticker()
        session.lock.tell(phase="running", clock=live.clock(session, loaded.scenario.duration_s))
        try:
            with ticker, sampler, session.testbed.leases(), ExitStack() as held, suppress(_StoppedError):
                self._drive(held)
        except BaseException:
            with suppress(Exception):  # of all that is to be said, this is the least
                recovery.quieten(session)
            raise
        session.lock.tell(phase="collecting", clock=None, faults=None)
        ran_s = time.time() - session.start_unix_s
        observed = self._collect(run, sampler)
        stalls = ticker.stalls.since(session.start_unix_s) if ticker.stalls is not None else None
        status = self._status(stalls, ran_s)
        degraded = None
        if not status.startswith(INCONCLUSIVE):  # of a machine that stalled nothing else is to be expected
            status = unsteady_by_the_machine(loaded, observed) or status
        if not status.startswith(INCONCLUSIVE):
            degraded = None if self._stopped else true_degradation(loaded, observed)
        truth = Truth(tuple(self._true_faults(observed)), true_decoys(loaded.scenario), degraded)
        path = root / loaded.scenario.name / run_directory_name(loaded, self._seed, "stack", self._options.time_scale)
        content = meta(loaded, self._seed, status, "stack") | {
            "time_scale": self._options.time_scale,
            "late_sends_count": self._late_sends_count,
            "stalls": stalls.to_json() if stalls is not None else None,
        }
        return write_run(path, observed, truth, {}, session.testbed.entries, content)

    def _start(self) -> Any:
        """Tells feed, collector and load of the run; scenario second 0 comes after the warm-up."""
        from services.common.run import Run

        session, scenario, scale = self._session, self._loaded.scenario, self._options.time_scale
        # What was put back of an earlier run is no part of this one.
        session.testbed.changes_log.clear()
        session.testbed.entries.clear()
        warmup_s = self._loaded.system.warmup_s
        session.time_scale = scale
        session.start_unix_s = time.time() + LEAD_S + warmup_s / scale
        run = Run(
            seed=self._seed, start_unix_s=session.start_unix_s, duration_s=scenario.duration_s, warmup_s=warmup_s,
            stages=tuple((s.for_s, s.rate_per_s) for s in scenario.load.stages), time_scale=scale,
        )  # fmt: skip
        session.levers.set_time_to_live(scale)
        job = next(name for name, c in self._loaded.system.components.items() if c.kind == "job")
        for service, port in ((job, FEED_PORT), ("collector", COLLECTOR_PORT), ("load", LOAD_PORT)):
            call("POST", f"{session.compose.url(service, port)}/runs", run.to_json(), session.token(service))
        return run

    def _drive(self, held: ExitStack) -> None:
        """Injects and reverts on schedule until the end; leaving by an exception reverts what is still in."""
        scenario = self._loaded.scenario
        self._started = self._session.compose.started_at()
        for event in moments(scenario):
            if not event.begins and event.at_s >= scenario.duration_s:
                continue  # what lasts until the end is reverted after it
            self._wait_until(event.at_s)
            if event.begins:
                context = ExitStack()
                held.callback(context.close)
                self._held[event.use.id] = context
                context.enter_context(self._window(event.use))
                kind = fault_type(event.use.type)
                context.enter_context(kind.inject(self._session.testbed, event.use.target, event.use.parameters))
            else:
                self._note_restarts()
                self._held.pop(event.use.id).close()
            self._say_what_is_in()
        self._wait_until(scenario.duration_s)
        self._note_restarts()

    def _say_what_is_in(self) -> None:
        scenario = self._loaded.scenario
        faults = [live.fault(use, self._windows[use.id][0]) for use in scenario.faults if use.id in self._held]
        faults += [live.fault(use, self._windows[use.id][0]) for use in scenario.decoys if use.id in self._held]
        self._session.lock.tell(faults=faults)

    def _note_restarts(self) -> None:
        """A container that restarted in the middle has lost what was done to it."""
        now = self._session.compose.started_at()
        stopped = {e["element"] for e in self._session.testbed.entries if e["lever"] == "component.stop"}
        known = {name: at for name, at in self._started.items() if name not in stopped}
        self._restarted |= {name for name, started in known.items() if now.get(name) != started}

    @contextmanager
    def _window(self, use: FaultUse | DecoyUse) -> Iterator[None]:
        began_s = round(self._session.now_s, 3)
        self._windows[use.id] = (began_s, self._loaded.scenario.duration_s)
        try:
            yield
        finally:
            self._windows[use.id] = (began_s, min(round(self._session.now_s, 3), self._loaded.scenario.duration_s))

    def _wait_until(self, at_s: float) -> None:
        session, duration_s = self._session, self._loaded.scenario.duration_s
        while (left_s := at_s - session.now_s) > 0:
            self._tell("running", max(0.0, min(1.0, session.now_s / duration_s)))
            self._stopped = self._watch.reason(session.now_s) if session.now_s > 0 else ""
            if self._stopped:
                raise _StoppedError
            time.sleep(min(left_s / session.time_scale, 1.0 if left_s > 2 * session.time_scale else POLL_S))

    def _collect(self, run: Any, sampler: Any) -> Observed:
        from services.collector.assemble import assemble
        from services.collector.store import KINDS

        compose, token = self._session.compose, self._session.token
        time.sleep(SETTLE_S)
        call("DELETE", f"{compose.url('load', LOAD_PORT)}/runs", token=token("load"))
        collector = compose.url("collector", COLLECTOR_PORT)
        call("POST", f"{collector}/flush", token=token("collector"))
        with tempfile.TemporaryDirectory(prefix="lab-stack-") as directory:
            for name in KINDS:
                download(f"{collector}/files/{name}.jsonl", Path(directory) / f"{name}.jsonl", token("collector"))
            self._late_sends_count = _count_late(Path(directory) / "logs.jsonl")
            changes = self._session.testbed.changes_log
            observed: Observed = assemble(
                Path(directory), run, self._loaded.system, versions=self._session.versions, changes=changes,
                samples=sampler.samples,
            )  # fmt: skip
        return observed

    def _true_faults(self, observed: Observed) -> Iterator[TrueFault]:
        signals = compute_signals(observed)
        witnesses = plan(self._loaded).witnesses
        for use in self._loaded.scenario.faults:
            window = self._windows.get(use.id, (use.at_s, use.at_s))
            yield true_fault(use, window, judge_witnesses_alone(witnesses[use.id], signals, *window))

    def _status(self, stalls: Stalls | None, ran_s: float) -> str:
        """`complete`, or why the run is not graded; a machine that stalled may have brought the rest about."""
        why = self._disturbed(stalls, ran_s)
        if why:
            return INCONCLUSIVE + why
        if self._stopped:
            return f"stopped: {self._stopped}"
        if self._restarted:
            return f"target restarted: {', '.join(sorted(self._restarted))}"
        if self._session.testbed.lapsed:
            return f"fault ended by itself: {'; '.join(sorted(set(self._session.testbed.lapsed)))}"
        return COMPLETE

    def _disturbed(self, stalls: Stalls | None, ran_s: float) -> str:
        """What the machine did to the run, so that it proves nothing."""
        if stalls is None:
            return "the process that watches for stalls of the machine was ended"
        stalled = stalls.too_much(ran_s, self._loaded.system.scrape_interval_s / self._options.time_scale)
        planned = self._loaded.scenario.load.requests / self._options.time_scale
        if not stalled and self._late_sends_count > LATE_SHARE_MAX * planned:
            return f"the load was late for {self._late_sends_count} of about {planned:.0f} requests"
        return stalled


def unsteady_by_the_machine(loaded: LoadedScenario, observed: Observed) -> str:
    """The status of a run without a steady state on a busy machine; nothing where it was steady.

    RunAbortedError where it was not, though the machine had CPU to spare: then the scenario asks too much.
    """
    try:
        check_steady_state(loaded, observed)
    except RunAbortedError as error:
        pressure = compute_signals(observed).get("pressure_stall_ratio", "host.cpu")
        waited = 0.0 if pressure is None else float(np.nanmean(pressure.values))
        if waited < BUSY_RATIO:
            raise
        return f"{INCONCLUSIVE}{error} The machine was busy: something waited for a CPU for {waited:.0%} of the time"
    return ""


def _count_late(logs: Path) -> int:
    """Requests that the load sent later than they were due."""
    with logs.open(encoding="utf-8") as lines:
        return sum('"event":"late_send"' in line for line in lines)
