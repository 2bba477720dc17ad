"""Drivers: the interface of testbeds, the places where scenarios run.

A distribution adds a testbed by an entry point of the group `lab.testbeds` that names a subclass of `Driver`. The rest
of the lab works with any driver. docs/plugins.md shows how to write one; the tests in `tests/contract` hold for each.
Times are scenario seconds: 0 is the start of the load that is recorded, a warm-up before it is negative.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import pyarrow as pa

    from lab.errors import Problem
    from lab.injection.levers import ActValue, Claim, Json, LeverValue, Testbed
    from lab.recording.observed import Observed
    from lab.scenario import DecoyUse, FaultUse, LoadedScenario
    from lab.systems.topology import System

GROUP = "lab.testbeds"
"""The entry-point group of drivers."""
DEFAULT = "sim"
"""The default testbed; it needs nothing but the lab."""

STEPS = 50
"""Steps of a run between which its progress is reported."""

Window = tuple[float, float]
"""When a fault or decoy was injected and when it was reverted, scenario seconds."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person does with the levers at a scenario second, after all that happens at that time.

    `do` sets levers by `Testbed.settle`. It is called for each run that is made with it.
    """

    at_s: float
    do: Callable[[Testbed], None]


class Progress(Protocol):
    """Reports the progress of a run: what it does, and the share that is done (0 to 1)."""

    def __call__(self, what: str, share: float, /) -> None: ...


def silent(what: str, share: float, /) -> None:
    """Progress that is not shown."""


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Marks an option that changes no recording: `keep: Annotated[bool, Unrecorded()] = False`.

    Every other option is part of a recording's key, so that runs with different values are different recordings.
    """


class DriverOptions(BaseModel):
    """The options of a testbed. Each field is one of the command line: `time_scale` is `--time-scale`.

    Types, limits and descriptions (`Field(gt=0, description=...)`) are shown by `--help` and checked by pydantic. Every
    field has a default. A `bool` that is false by default is a flag.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def recorded(self) -> dict[str, Any]:
        """The options that a recording follows from, as JSON values: all that are not marked `Unrecorded`."""
        hidden = {
            name
            for name, info in type(self).model_fields.items()
            if any(mark is Unrecorded or isinstance(mark, Unrecorded) for mark in info.metadata)
        }
        return self.model_dump(mode="json", exclude=hidden)


OptionsT = TypeVar("OptionsT", bound=DriverOptions)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One lever that `recover` put back, and the value that it has again."""

    lever: str
    element: str
    value: Json | None


class Twin(Protocol):
    """Makes the same run again without some of its faults and decoys, and returns what could be observed of it."""

    def __call__(self, without: Collection[str], progress: Progress = silent, /) -> Observed: ...


@dataclass(frozen=True)
class Recorded:
    """A finished run: what was observed, when each fault and decoy was in, and what its control is.

    `twin`: makes the same run without a fault. None if a run cannot be repeated; then the time before a fault is its
    control. `flaw`: why the run cannot be graded; empty if it can. It begins with `inconclusive: ` if neither engine
    nor scenario is to blame. The runner itself knows of an early end (`Session.ended`) and an unsteady state.
    `machine`: the resource that the machine lacked, if this may be why a run was unsteady or stopped; else empty.
    `counts_waiting_as_busy`: whether a worker that waits for an answer counts as busy in the CPU utilization.
    `events`: the journal, entries with `time_s`. `meta`: further entries of `run.json`.
    `spare_places`: directories for the recording, used if the chosen one has no space.
    """

    observed: Observed
    windows: Mapping[str, Window]
    twin: Twin | None = None
    flaw: str = ""
    machine: str = ""
    counts_waiting_as_busy: bool = False
    events: Sequence[Mapping[str, Any]] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    spare_places: Sequence[Path] = ()


class Session(ABC):
    """One run of a scenario with one seed, from its warm-up until it is finished or left.

    It is a context manager: leaving it, by an exception too, reverts every lever and ends what the run started. After
    `finish` only leaving is allowed. A subclass sets `levers` and calls `super().__init__()`.
    """

    levers: Testbed
    """The levers, as faults see them. Others may pull them too, at the time to which the session was advanced."""
    ended: str = ""
    """Why the run ended before its time (a stop condition held, a process died); empty while it may go on.

    A driver looks after the scenario's stop conditions itself, as it advances: `lab.scenario.stopping.StopWatch`.
    """
    settles_s: float = 0.0
    """How long before `now_s` data may still be missing from `observed`, because telemetry is on its way."""
    judging_s: float = 0.0
    """How long before the first fault or decoy the steady state is judged, so that judging does not delay it."""

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}
        """When each fault and decoy was injected and reverted; for an active one, the end is that of the scenario."""
        self.active: dict[str, FaultUse | DecoyUse] = {}
        """The active faults and decoys, by id."""
        self._contexts: dict[str, ExitStack] = {}
        self._claims: dict[str, Claim] = {}

    @property
    @abstractmethod
    def now_s(self) -> float:
        """The scenario second to which the run has come."""

    @property
    @abstractmethod
    def duration_s(self) -> float:
        """The scenario's length: the run does not go beyond."""

    @abstractmethod
    def advance(self, until_s: float) -> None:
        """Lets scenario time pass until `until_s`, or until the run ended (`ended` has the reason). Never goes back.

        Several calls have the same effect as one; on a repeatable testbed not one byte differs. A lever that is pulled
        after `advance(t)` comes before all events at `t`.
        """

    @abstractmethod
    def observed(self, until_s: float) -> Observed:
        """What could be observed by `until_s`, at most `now_s`: `cut(what is there, until_s)`. Changes nothing."""

    @abstractmethod
    def finish(self) -> Recorded:
        """Reverts all active faults (`revert_all`), collects what was observed, and ends the run.

        The recording ends now, even before the scenario's end; it has at least one scrape interval.
        """

    def close(self) -> None:  # noqa: B027  # most have nothing to end
        """Ends what the run started. Called once, on leaving, with all levers restored; also if `finish` failed."""

    def metrics(self, until_s: float) -> pa.Table:
        """Rows of the table `metrics` by `until_s`, at least those of SLIs; to be overridden where it costs less."""
        return self.observed(until_s).metrics

    def active_changed(self) -> None:  # noqa: B027  # most show nothing
        """Called after a fault or decoy was injected or reverted, for drivers that show the active ones."""

    def advance_with_progress(self, until_s: float, what: str, progress: Progress) -> None:
        """Advances in small steps, and reports the progress before each."""
        step_s = self.duration_s / STEPS
        while not self.ended and self.now_s < until_s:
            progress(what, max(0.0, self.now_s / self.duration_s))
            self.advance(min(until_s, self.now_s + step_s))

    def inject(self, use: FaultUse | DecoyUse) -> None:
        """Injects a fault or decoy now, and notes the time."""
        from lab.injection.faults import fault_type

        context = self._contexts[use.id] = ExitStack()
        context.callback(self._note_end, use.id, self.now_s)
        self.windows[use.id] = (self.now_s, self.duration_s)
        kind = fault_type(use.type)
        self._claims[use.id] = context.enter_context(kind.inject(self.levers, use.target, use.parameters))
        self.active[use.id] = use
        self.active_changed()

    def revert(self, use: FaultUse | DecoyUse) -> None:
        """Reverts a fault or decoy now; does nothing if it is not active. NotRevertedError if it cannot be reverted."""
        context = self._contexts.pop(use.id, None)
        if context is not None:
            context.close()
            self.active_changed()

    def act(self, deed: Deed) -> None:
        """A person does something now. A fault or decoy of which no lever is left as it pulled it has ended."""
        deed.do(self.levers)
        for use in list(self.active.values()):
            if self._claims[use.id].is_over:
                self.revert(use)

    def revert_all(self) -> None:
        """Reverts all active faults and decoys, the last first, then what persons did.

        Each is tried, even if another one fails.
        """
        with ExitStack() as held:
            held.callback(self.levers.put_back_settled)
            for context in self._contexts.values():
                held.callback(context.close)
            self._contexts.clear()

    def _note_end(self, use: str, began_s: float) -> None:
        self.windows[use] = (began_s, min(self.now_s, self.duration_s))
        self.active.pop(use, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with ExitStack() as both:
            both.callback(self.close)
            self.revert_all()


class Driver(ABC, Generic[OptionsT]):
    """A testbed: a place where scenarios run. It is created without arguments.

    Importing its module must be quick, so heavy modules (a simulator, Docker) are imported by the methods.
    """

    name: ClassVar[str]
    """The name of its entry point, as in `--testbed NAME`."""
    summary: ClassVar[str] = ""
    """A short description."""
    options: type[OptionsT]
    """Its options."""
    is_repeatable: ClassVar[bool] = False
    """Whether the same scenario, seed and options give the same bytes, so that a recording is reused."""
    is_shared: ClassVar[bool] = True
    """Whether several sessions may be open at once, in this process and in others."""

    @property
    @abstractmethod
    def levers(self) -> Collection[str]:
        """Names of the levers and acts that can be pulled there, or the testbed's `LeverTable`, which has them.

        A plain attribute of the class will do.
        """

    def cannot(self, system: System, element: str, value: LeverValue | ActValue) -> str:
        """Why the testbed cannot do this, in words; empty if it can. Element and value are valid already."""
        from lab.injection.levers import LeverTable

        if isinstance(self.levers, LeverTable):
            return self.levers.cannot(system, element, value)
        return "" if value.name in self.levers else f"the testbed {self.name} has no {value.word} {value.name}"

    def check(self, scenario: LoadedScenario, options: OptionsT) -> list[Problem]:
        """Problems that keep a scenario from working there, or its faults from showing. Nothing is started.

        Need not repeat what `cannot` refuses.
        """
        return []

    def needs(self) -> str:
        """What it needs besides the lab, and whether that is here, in words for `lab doctor`; empty for nothing."""
        return ""

    def requests(self, scenario: LoadedScenario, options: OptionsT) -> float:
        """About how many requests a run sends: from this the size of its recording is estimated."""
        return scenario.scenario.requests

    def holding(self, scenarios: Sequence[LoadedScenario], options: OptionsT) -> AbstractContextManager[None]:
        """Keeps what runs of these scenarios need, such as a running stack, over several `open`; by default nothing.

        UserError if it is not available. A driver reports slow steps on stderr. `open` also works without `holding`.
        """
        return nullcontext()

    @abstractmethod
    def open(
        self, scenario: LoadedScenario, seed: int, options: OptionsT, progress: Progress = silent
    ) -> AbstractContextManager[Session]:
        """A session at the start of its warm-up, to be entered once. If entering fails, everything is restored.

        `progress` reports slow steps other than advancing.
        """

    def recover(self, options: OptionsT) -> list[Recovery]:
        """Restores what killed labs left changed, and returns it; safe to repeat.

        NotRevertedError with instructions if something cannot be restored. By default there is nothing to do: a testbed
        that ends with its process leaves nothing.
        """
        return []
