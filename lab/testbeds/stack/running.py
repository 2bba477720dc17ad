"""A run on the real stack, in real time: load, telemetry, its end, and its recording."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lab.agreed import ports
from lab.agreed.run import Run
from lab.errors import NotRevertedError
from lab.injection.levers import ModelDeploy
from lab.recording.cut import cut
from lab.recording.keeping import temporary_directory
from lab.recording.observed import Observed
from lab.recording.rundir import INCONCLUSIVE
from lab.scenario import DecoyUse, FaultUse, LoadedScenario
from lab.scenario.plan import plan
from lab.testbeds.driver import Recorded
from lab.testbeds.driver import Session as DriverSession
from lab.testbeds.stack import cpu_use, live
from lab.testbeds.stack.collect import Collected, busy_machine, end_load, fetch
from lab.testbeds.stack.http import call
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.safety import Guard
from lab.testbeds.stack.samples import ContainerSampler
from lab.testbeds.stack.session import Session
from lab.testbeds.stack.steady import BEFORE_REAL_S, TELEMETRY_REAL_S, metrics_of
from lab.testbeds.stack.testbed import StackTestbed
from lab.testbeds.stack.ticker import Stalls, Ticker
from lab.testbeds.stack.watch import ContainerWatch

if TYPE_CHECKING:
    import pyarrow as pa

LEAD_S = 4.0
POLL_S = 0.05
NOTICED_WITHIN_S = 2.0
"""Docker's events of what made a call fail are in by then."""
LATE_SHARE_MAX = 0.2


class StackRun(DriverSession):
    """One run of one scenario on a stack that is up and held. It begins when it is entered."""

    levers: StackTestbed

    def __init__(self, session: Session, loaded: LoadedScenario, seed: int, options: StackOptions) -> None:
        super().__init__()
        self.levers = session.testbed
        self.settles_s = TELEMETRY_REAL_S * options.time_scale
        self.judging_s = BEFORE_REAL_S * options.time_scale
        self._session = session
        self._loaded = loaded
        self._seed = seed
        self._options = options
        self._collector = session.compose.url("collector", ports.COLLECTOR)
        self._guard = Guard(
            loaded.scenario, loaded.system.scrape_interval_s, options.time_scale, self._collector,
            lambda: session.now_s,
        )  # fmt: skip
        self._watch = ContainerWatch(session.compose, session.testbed.entries, session.scenario_s)
        self._sampler = ContainerSampler(session.compose, loaded.system, lambda: session.now_s)
        self._ticker = Ticker()
        self._driving = ExitStack()
        self._watching = ExitStack()

    @property
    def now_s(self) -> float:
        return round(self._session.now_s, 3)

    @property
    def duration_s(self) -> float:
        return self._loaded.scenario.duration_s

    def __enter__(self) -> StackRun:
        session = self._session
        session.lock.show_activity(phase="preparing", scenario=self._loaded.scenario.name, seed=self._seed)
        session.reset_versions()
        pulled = [act.value for act in plan(self._loaded).timeline if act.event == "pull"]
        session.pretrain([value.recipe for value in pulled if isinstance(value, ModelDeploy)])
        with ExitStack() as watching:
            watching.enter_context(self._watch)  # until the data is in
            watching.enter_context(self._driving)
            self._driving.enter_context(self._ticker)
            self._run = self._start()
            session.lock.show_activity(phase="running", clock=live.clock(session, self.duration_s))
            for part in (self._sampler, self._guard, session.testbed.leases()):
                self._driving.enter_context(part)
            self._watching = watching.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            super().__exit__(kind, error, at)
        except BaseException as failed:
            self._watching.__exit__(type(failed), failed, failed.__traceback__)
            raise
        self._watching.__exit__(kind, error, at)

    def _start(self) -> Run:
        """Tells the job, collector and load of the run; scenario second 0 comes after the warm-up."""
        session, scenario, scale = self._session, self._loaded.scenario, self._options.time_scale
        # What was put back of an earlier run is no part of this one.
        session.testbed.changes_log.clear()
        session.testbed.entries.clear()
        session.put_files()
        warmup_s = self._loaded.system.warmup_s
        session.time_scale = scale
        session.start_unix_s = time.time() + LEAD_S + warmup_s / scale
        run = Run(
            seed=self._seed, start_unix_s=session.start_unix_s, duration_s=scenario.duration_s, warmup_s=warmup_s,
            stages=tuple((s.for_s, s.rate_per_s) for s in scenario.stages), time_scale=scale,
        )  # fmt: skip
        policy = session.levers.policy_of_run(scale)
        session.levers.cache.load(policy)
        job = next(name for name, c in self._loaded.system.components.items() if c.kind == "job")
        job_port = session.part.controls[job].port

        def send_run(method: str, service: str, port: int) -> None:
            call(method, f"{session.compose.url(service, port)}/runs", run.to_json(), session.token(service))

        for service, port in ((job, job_port), ("collector", ports.COLLECTOR), ("load", ports.LOAD)):
            send_run("POST", service, port)
        session.levers.given = {
            "cache": lambda: session.levers.cache.load(policy),
            job: lambda: send_run("PUT", job, job_port),
        }
        return run

    def advance(self, until_s: float) -> None:
        session = self._session
        while not self._has_ended() and (left_s := min(until_s, self.duration_s) - session.now_s) > 0:
            time.sleep(min(left_s / session.time_scale, 1.0 if left_s > 2 * session.time_scale else POLL_S))

    def _has_ended(self) -> bool:
        self.ended = self.ended or self._disturbed() or self._guard.reason
        return bool(self.ended)

    def _disturbed(self) -> str:
        return f"disturbed: {'; '.join(map(str, self._watch.found))}" if self._watch.found else ""

    def inject(self, use: FaultUse | DecoyUse) -> None:
        with self._ending_where_disturbed():
            super().inject(use)

    def revert(self, use: FaultUse | DecoyUse) -> None:
        with self._ending_where_disturbed():
            super().revert(use)

    def active_changed(self) -> None:
        faults = [live.fault(use, self.windows[use.id][0]) for use in self.active.values()]
        self._session.lock.show_activity(faults=faults)

    def metrics(self, until_s: float) -> pa.Table:
        """What the collector has counted so far, in the whole scrape intervals that ended by then."""
        interval_s, system = self._loaded.system.scrape_interval_s, self._loaded.system
        url = f"{self._collector}/intervals?until_s={math.floor(until_s / interval_s) * interval_s}"
        rows: list[dict[str, Any]] = []
        with self._ending_where_disturbed():
            rows = call("GET", url, token=self._session.token("collector"))["intervals"]
        return metrics_of(rows, system.users or "", system.entry or "", self._session.part.counted)

    @contextmanager
    def _ending_where_disturbed(self) -> Iterator[None]:
        """Ends the run where something fails because a container was disturbed."""
        try:
            yield
        except NotRevertedError:
            raise
        except Exception:
            time.sleep(NOTICED_WITHIN_S)
            if not self._watch.found:
                raise
            self._has_ended()

    def observed(self, until_s: float) -> Observed:
        collected = fetch(self._session, self._run, self._sampler.samples)
        return cut(collected.observed, min(until_s, self.now_s))

    def finish(self) -> Recorded:
        session, loaded = self._session, self._loaded
        end_s = self.now_s
        self.revert_all()
        self._driving.close()
        session.lock.show_activity(phase="collecting", clock=None, faults=None)
        ran_s = time.time() - session.start_unix_s
        end_load(session)
        collected = fetch(session, self._run, self._sampler.samples)
        self._watching.close()
        session.lock.show_activity(phase="asking engines and grading")
        stalls = self._ticker.stalls.since(session.start_unix_s) if self._ticker.stalls is not None else None
        machine = busy_machine(collected.observed)
        flaw = self._flaw(collected, stalls, ran_s, machine)
        if not flaw and not self.ended:  # what ended a run may have taken the load away before
            cpu_use.keep(session.state, self._options.model_server, loaded, self._sampler.samples)
        # A run that ended early has a recording that ends with it, unless there is not one scrape interval of it.
        is_cut = loaded.system.scrape_interval_s <= end_s < self.duration_s
        ended_by_s = end_s if is_cut else self.duration_s
        windows = {use: (began_s, min(until_s, ended_by_s)) for use, (began_s, until_s) in self.windows.items()}
        disturbances = [found.to_json() for found in self._watch.found]
        containers = [{"event": "container", **found} for found in disturbances]
        events: list[Mapping[str, Any]] = [*session.testbed.entries, *containers]
        return Recorded(
            cut(collected.observed, end_s) if is_cut else collected.observed, windows, flaw=flaw, machine=machine,
            events=sorted(events, key=itemgetter("time_s")),
            meta={
                "time_scale": self._options.time_scale, "model_server": self._options.model_server,
                "late_sends_count": collected.late_sends_count,
                "stalls": stalls.to_json() if stalls is not None else None, "disturbances": disturbances,
            },
            spare_places=_spare_places(session),
        )  # fmt: skip

    def _flaw(self, collected: Collected, stalls: Stalls | None, ran_s: float, machine: str) -> str:
        """Why the run is not graded, besides that it was stopped or not steady; empty where nothing is wrong."""
        if disturbed := self._disturbed():
            return INCONCLUSIVE + disturbed
        if why := self._stalled(stalls, ran_s, collected.late_sends_count):
            return INCONCLUSIVE + why
        if self.ended:
            # Missing telemetry may be the machine's fault.
            return f"{INCONCLUSIVE}{self.ended}. {machine}" if machine and self._guard.is_silence else ""
        if self.levers.lapsed:
            return f"fault ended by itself: {'; '.join(sorted(set(self.levers.lapsed)))}"
        return f"incomplete: {collected.unwritten}" if collected.unwritten else ""

    def _stalled(self, stalls: Stalls | None, ran_s: float, late_sends_count: int) -> str:
        """What the machine did to the run, so that it proves nothing."""
        if stalls is None:
            return "the process that watches for stalls of the machine was ended"
        stalled = stalls.too_much(ran_s, self._loaded.system.scrape_interval_s / self._options.time_scale)
        planned = self._loaded.scenario.requests / self._options.time_scale
        if not stalled and late_sends_count > LATE_SHARE_MAX * planned:
            return f"the load was late for {late_sends_count} of about {planned:.0f} requests"
        return stalled


def _spare_places(session: Session) -> list[Path]:
    """Where a recording is kept for which there is no room where it belongs: it cost minutes."""
    temporary = temporary_directory()
    return [session.state / "recordings", *([temporary / "lab-recordings"] if temporary else [])]
