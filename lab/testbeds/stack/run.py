"""Runs a scenario on the real stack, in real time: drive load, inject and revert on schedule, collect, record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from lab.contracts import TrueFault, Truth
from lab.errors import NotRevertedError, RunAbortedError
from lab.faults import fault_type
from lab.recording.keeping import check_room, kept_where_there_is_room, recording_bytes, temporary_directory
from lab.recording.observed import Observed
from lab.recording.rundir import COMPLETE, INCONCLUSIVE, RunDirectory, write_run
from lab.runner import meta, run_directory_name
from lab.scenario import DecoyUse, FaultUse, LoadedScenario
from lab.scenario.timeline import moments
from lab.signals import compute_signals
from lab.testbeds.plan import plan
from lab.testbeds.stack import live, recovery
from lab.testbeds.stack.belongings import Belongings, belongings
from lab.testbeds.stack.build import to_stderr
from lab.testbeds.stack.collect import COLLECTOR_PORT, Collected, busy_machine, collect, unsteady_by_the_machine
from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.feasible import check_feasible
from lab.testbeds.stack.http import call
from lab.testbeds.stack.levers import FEED_PORT, LOAD_PORT
from lab.testbeds.stack.model_server import as_reported
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.safety import Guard
from lab.testbeds.stack.samples import ContainerSampler
from lab.testbeds.stack.session import Session
from lab.testbeds.stack.steady import BEFORE_REAL_S, unsteady_so_far
from lab.testbeds.stack.ticker import Stalls, Ticker
from lab.testbeds.stack.watch import ContainerWatch
from lab.truth import true_decoys, true_degradation, true_fault
from lab.witness import judge_witnesses_alone

LEAD_S = 4.0
POLL_S = 0.05
NOTICED_WITHIN_S = 2.0
"""Docker's events of what made a call fail are in by then."""
LATE_SHARE_MAX = 0.2

Progress = Callable[[str, float], None]


class _StoppedError(Exception):
    """The run ends here; why is kept where it was found."""


def run_scenario(
    loaded: LoadedScenario, seed: int, root: Path, options: StackOptions, progress: Progress | None = None
) -> RunDirectory:
    """Runs the scenario on the stack and writes the recording under `root`.

    Raises UserError where the stack cannot do it, RunAbortedError where the steady state did not hold, and
    NotRevertedError where something could not be put back.
    """
    check_feasible(loaded, options.time_scale)
    loaded = as_reported(loaded, options.model_server)
    check_room(root, recording_bytes(loaded.scenario, options.time_scale), loaded.scenario.name)
    session = Session(loaded.system)
    with held(session, options, progress):
        session.recover()
        return _Run(session, loaded, seed, options, progress or _silent).record(root)


@contextmanager
def held(
    session: Session, options: StackOptions, progress: Progress | None = None, *, anew: bool = False
) -> Iterator[None]:
    """The stack, up and for this lab alone; unless it is to be kept, what was brought up here goes afterwards.

    `anew`: what has changed of images and settings takes effect also where the stack is healthy.
    """
    is_outermost = not session.lock.is_mine
    with session.lock.held():
        (progress or _silent)("bringing the stack up", 0.0)
        session.journal.prepare()
        before = belongings(session.compose)
        had = {"model_server": session.compose.running_model_server(), "load_workers": session.load_workers()}
        if not options.keep:
            session.lock.remember(before.to_json() | had)
        failed = True
        try:
            session.up(
                build=options.build, anew=anew, load_workers=options.load_workers, model_server=options.model_server
            )
            yield
            failed = False
        finally:
            if not options.keep:
                # The end of one run of several is not the end of the lab: an abort that comes now ends it as a whole.
                with session.lock.ending("taking down what it brought up") if is_outermost else nullcontext():
                    _go_back(session, before, had, failed=failed)
            session.journal.clear()


def _go_back(session: Session, before: Belongings, had: dict[str, Any], *, failed: bool) -> None:
    """Goes back to what was there. What `failed` before, or is not put back, counts more: this is said beside it."""
    try:
        session.go_back_to(before, **had)
    except StackError as error:
        if not failed and not session.journal.left():
            raise
        to_stderr(f"what was brought up could not be taken down: {error}")


def recording_name(loaded: LoadedScenario, seed: int, options: StackOptions) -> str:
    """The name of a recording's directory, `<seed>-<short digest>`."""
    seen = as_reported(loaded, options.model_server)
    return run_directory_name(seen, seed, "stack", options.time_scale, model_server=options.model_server)


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
        self._held: dict[str, ExitStack] = {}
        self._stopped = ""
        self._unsteady = ""
        self._is_judged = False
        self._collector = session.compose.url("collector", COLLECTOR_PORT)
        self._guard = Guard(
            loaded.scenario, loaded.system.scrape_interval_s, options.time_scale, self._collector,
            lambda: session.now_s,
        )  # fmt: skip
        self._watch = ContainerWatch(session.compose, session.testbed.entries, session.scenario_s)

    def record(self, root: Path) -> RunDirectory:
        """Drives the run and writes what it left."""
        session, loaded = self._session, self._loaded
        session.lock.tell(phase="preparing", scenario=loaded.scenario.name, seed=self._seed)
        session.reset_versions()
        deploys = [act.value for act in plan(loaded).timeline if act.lever == "model.deploy" and act.event == "pull"]
        session.pretrain(deploys)
        ticker = Ticker()
        try:
            with self._watch:  # until the data is in
                with ticker:
                    run = self._start()
                    sampler = ContainerSampler(session.compose, loaded.system, lambda: session.now_s)
                    session.lock.tell(phase="running", clock=live.clock(session, loaded.scenario.duration_s))
                    with sampler, self._guard, session.testbed.leases(), ExitStack() as held, self._ending():
                        self._drive(held)
                session.lock.tell(phase="collecting", clock=None, faults=None)
                ran_s = time.time() - session.start_unix_s
                collected = collect(session, run, sampler.samples)
        except BaseException:
            with suppress(Exception):  # of all that is to be said, this is the least
                recovery.quieten(session)
            raise
        observed = collected.observed
        stalls = ticker.stalls.since(session.start_unix_s) if ticker.stalls is not None else None
        status = self._status(collected, stalls, ran_s)
        degraded = true_degradation(loaded, observed) if status == COMPLETE else None
        truth = Truth(tuple(self._true_faults(observed)), true_decoys(loaded.scenario), degraded)
        name = recording_name(loaded, self._seed, self._options)
        disturbances = [found.to_json() for found in self._watch.found]
        content = meta(loaded, self._seed, status, "stack") | {
            "time_scale": self._options.time_scale,
            "model_server": self._options.model_server,
            "late_sends_count": collected.late_sends_count,
            "stalls": stalls.to_json() if stalls is not None else None,
            "disturbances": disturbances,
        }
        events = session.testbed.entries + [{"event": "container", **found} for found in disturbances]
        events.sort(key=itemgetter("time_s"))
        places = [root, session.state / "recordings", (temporary_directory() or root) / "lab-recordings"]
        kept: RunDirectory
        kept, refused = kept_where_there_is_room(
            places, lambda top: write_run(top / loaded.scenario.name / name, observed, truth, {}, events, content),
            f"the recording of {loaded.scenario.name} seed {self._seed} is lost",
        )  # fmt: skip
        session.lock.tell(phase="asking engines and grading")
        return replace(kept, elsewhere=refused[0][1] if refused else "")

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
        for event in moments(scenario):
            if not event.begins and event.at_s >= scenario.duration_s:
                continue  # what lasts until the end is reverted after it
            if not self._is_judged:
                self._judge_steady_state(event.at_s)
            self._wait_until(event.at_s)
            if event.begins:
                context = ExitStack()
                held.callback(context.close)
                self._held[event.use.id] = context
                context.enter_context(self._window(event.use))
                kind = fault_type(event.use.type)
                context.enter_context(kind.inject(self._session.testbed, event.use.target, event.use.parameters))
            else:
                self._held.pop(event.use.id).close()
            self._say_what_is_in()
        self._wait_until(scenario.duration_s)

    def _say_what_is_in(self) -> None:
        uses: list[FaultUse | DecoyUse] = [*self._loaded.scenario.faults, *self._loaded.scenario.decoys]
        self._session.lock.tell(
            faults=[live.fault(use, self._windows[use.id][0]) for use in uses if use.id in self._held]
        )

    def _judge_steady_state(self, first_change_s: float) -> None:
        """Before anything is changed: where the steady state does not hold, the run ends here."""
        scale = self._options.time_scale
        self._wait_until(first_change_s - BEFORE_REAL_S * scale)
        self._is_judged = True
        self._unsteady = unsteady_so_far(self._loaded, scale, self._collector, self._session.token("collector"))
        if self._unsteady:
            raise _StoppedError

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Ends the run where it was stopped, and where it failed because a container was disturbed."""
        try:
            yield
        except _StoppedError:
            return
        except NotRevertedError:
            raise
        except Exception:
            time.sleep(NOTICED_WITHIN_S)
            if not self._watch.found:
                raise

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
        while True:
            self._stopped = self._guard.reason
            if self._watch.found or self._stopped:
                raise _StoppedError
            if (left_s := at_s - session.now_s) <= 0:
                return
            self._tell("running", max(0.0, min(1.0, session.now_s / duration_s)))
            time.sleep(min(left_s / session.time_scale, 1.0 if left_s > 2 * session.time_scale else POLL_S))

    def _true_faults(self, observed: Observed) -> Iterator[TrueFault]:
        signals = compute_signals(observed)
        witnesses = plan(self._loaded).witnesses
        for use in self._loaded.scenario.faults:
            window = self._windows.get(use.id, (use.at_s, use.at_s))
            yield true_fault(use, window, judge_witnesses_alone(witnesses[use.id], signals, *window))

    def _status(self, collected: Collected, stalls: Stalls | None, ran_s: float) -> str:
        """`complete`, or why the run is not graded; a machine that stalled may have brought the rest about.

        RunAbortedError where the steady state did not hold, though the machine had CPU to spare.
        """
        observed = collected.observed
        if self._watch.found:
            return f"{INCONCLUSIVE}disturbed: {'; '.join(map(str, self._watch.found))}"
        if why := self._stalled(stalls, ran_s, collected.late_sends_count):
            return INCONCLUSIVE + why
        if self._unsteady:
            if busy := busy_machine(observed):
                return f"{INCONCLUSIVE}{self._unsteady} {busy}"
            raise RunAbortedError(self._unsteady)
        if self._stopped:
            # Silence, and what users got before anything was changed, may be the machine's doing.
            busy = busy_machine(observed) if self._guard.is_silence or not self._windows else ""
            return f"{INCONCLUSIVE}{self._stopped}. {busy}" if busy else f"stopped: {self._stopped}"
        if self._session.testbed.lapsed:
            return f"fault ended by itself: {'; '.join(sorted(set(self._session.testbed.lapsed)))}"
        if collected.unwritten:
            return f"incomplete: {collected.unwritten}"
        return COMPLETE if self._is_judged else unsteady_by_the_machine(self._loaded, observed) or COMPLETE

    def _stalled(self, stalls: Stalls | None, ran_s: float, late_sends_count: int) -> str:
        """What the machine did to the run, so that it proves nothing."""
        if stalls is None:
            return "the process that watches for stalls of the machine was ended"
        stalled = stalls.too_much(ran_s, self._loaded.system.scrape_interval_s / self._options.time_scale)
        planned = self._loaded.scenario.load.requests / self._options.time_scale
        if not stalled and late_sends_count > LATE_SHARE_MAX * planned:
            return f"the load was late for {late_sends_count} of about {planned:.0f} requests"
        return stalled
