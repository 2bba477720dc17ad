"""The scenario file as data: load, faults, decoys, grading, training text, safety (`*.scenario.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, PrivateAttr, WithJsonSchema

from lab.contracts import GradingOptions
from lab.files.texts import Line, Text
from lab.files.units import MAX_DURATION_S, Duration, PositiveDuration, Rate
from lab.injection.faults import Parameters
from lab.injection.levers.people import MAX_RATE_PER_S
from lab.registration.clock import Amount, amount
from lab.systems.calendar import Calendar, usual_period_s
from lab.systems.topology import MAX_SEED, Name, Observe, SchemaVersion, SliBound, Strict, System

MIN_DURATION_S = 30.0
MAX_REQUESTS = 50_000_000
MAX_STAGES = 100
MAX_USES = 100
MAX_TAGS = 20

_TOLERANCE_FORM = r"^\s*([0-9]+(\.[0-9]+)?\s*periods?|([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h|d)\s*)+)$"
_KEBAB = r"[a-z0-9]+(-[a-z0-9]+)*"


def _kebab(value: str) -> str:
    if len(value) > 80 or not re.fullmatch(_KEBAB, value):
        raise ValueError("expected a name in small letters, digits and hyphens, at most 80 characters")
    return value


KebabName = Annotated[
    str, AfterValidator(_kebab), WithJsonSchema({"type": "string", "pattern": f"^{_KEBAB}$", "maxLength": 80})
]
"""The name of a scenario or suite: it becomes part of paths and reports."""


def _each_once(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(tags)) < len(tags):
        raise ValueError("expected each tag once")
    return tags


class Stage(Strict):
    """A stretch of the load with one arrival rate of requests per second."""

    for_s: PositiveDuration = Field(alias="for")
    rate_per_s: Annotated[Rate, Field(le=MAX_RATE_PER_S)] = Field(alias="rate")


class Load(Strict):
    """The arrivals: stages one after the other, which together last as long as the scenario."""

    stages: tuple[Stage, ...] = Field(min_length=1, max_length=MAX_STAGES)

    @property
    def duration_s(self) -> float:
        """Length of all stages together."""
        return sum(stage.for_s for stage in self.stages)


class Use(Strict):
    """One fault or decoy in a scenario file; `given` is what the file has under `with`."""

    id: Name
    type: str
    target: str
    at_s: Duration = Field(alias="at")
    given: Annotated[Mapping[str, JsonValue], WithJsonSchema({"type": "object", "additionalProperties": True})] = Field(
        default={}, alias="with"
    )
    _parameters: Parameters = PrivateAttr(default_factory=Parameters)

    @property
    def parameters(self) -> Parameters:
        """The validated values of a loaded scenario, an instance of the fault's own model."""
        return self._parameters

    def with_parameters(self, parameters: Parameters) -> Self:
        """A copy with these."""
        copy = self.model_copy()
        copy._parameters = parameters
        return copy


class FaultUse(Use):
    """One fault injected into one element from `at` for the time `for`."""

    for_s: Duration = Field(alias="for")


class DecoyUse(Use):
    """One benign event placed to mislead; without `for` it lasts until the end."""

    for_s: Duration | None = Field(default=None, alias="for")


class Degraded(Strict):
    """What breaks an SLO of a control: the component that has too little capacity for its load, or the users.

    The users where nothing has to be saturated: people do other things than usual. Then their decoys may break SLOs.
    """

    element: str


ONSET_INTERVALS, ONSET_PERIODS = 12, 2


def _tolerance(value: Any) -> Amount:
    try:
        return value if isinstance(value, Amount) else amount(value if isinstance(value, str) else None, "s")
    except ValueError:
        raise ValueError("expected a duration with its unit, or periods of the system's jobs: 60s, 2 periods") from None


class GradingModel(Strict):
    """How strictly to grade: rank depth, and tolerance around the true onset.

    That is a duration, or `2 periods`: of the period that most jobs of the system have. If not given it is 2 periods
    where metrics are sampled once in a period of a job, else 12 scrape intervals.
    """

    top_k: int = Field(default=3, ge=1, le=10)
    onset_within: Annotated[
        Amount | None,
        BeforeValidator(_tolerance),
        WithJsonSchema({"type": "string", "pattern": _TOLERANCE_FORM, "examples": ["60s", "2 periods"]}),
    ] = None

    def options(self, system: System) -> GradingOptions:
        """The same for a system."""
        interval_s, periods_s = system.scrape_interval_s, system.periods_s.values()
        calendar, within = Calendar.of(system), self.onset_within
        if within is None:
            within_s = interval_s * (ONSET_PERIODS if interval_s in periods_s else ONSET_INTERVALS)
        else:
            within_s = within.value * (usual_period_s(periods_s) if within.unit == "periods" else 1)
        if calendar is None:
            return GradingOptions(self.top_k, within_s)
        return GradingOptions(self.top_k, within_s, calendar.word, calendar.length_s)


Level = Literal["beginner", "intermediate", "advanced"]
"""How much a trainee should have seen before."""
HINT_COST, MAX_HINTS = 10, 20


class Help(Strict):
    """What helps against the incident: a remedy by its name (`lab.investigation.remedies`), and where it is applied."""

    remedy: KebabName
    place: str
    value: JsonValue = None


class Training(Strict):
    """An incident as an exercise: what trainees read, and what helps.

    `title`, `level` and `topics` are read before the incident is understood, so they tell nothing of its cause. `brief`
    is what somebody on call is told when called, at `called_at`, if that is given. Each of the `hints`, one at a time,
    costs `hint_cost` points of the score. `remedies`: any one of them helps; where there are several faults, each needs
    its own. They are told in the debrief. `asks`: what the answer may tell beside the diagnosis, ungraded: `detection`,
    who noticed first and why so late.
    """

    title: Line = ""
    level: Level = "intermediate"
    topics: Annotated[tuple[KebabName, ...], AfterValidator(_each_once)] = Field(default=(), max_length=MAX_TAGS)
    brief: Text = ""
    called_at_s: Duration | None = Field(default=None, alias="called_at")
    hints: tuple[Text, ...] = Field(default=(), max_length=MAX_HINTS)
    hint_cost: int = Field(default=HINT_COST, ge=0, le=100)
    remedies: tuple[Help, ...] = Field(default=(), max_length=MAX_USES)
    asks: Annotated[tuple[Literal["detection"], ...], AfterValidator(_each_once)] = ()


class StopWhen(SliBound):
    """A condition that aborts a run once it has held for `for`."""

    for_s: Duration = Field(alias="for")


class Safety(Strict):
    """What a run must never exceed."""

    max_duration_s: Duration = Field(default=MAX_DURATION_S, alias="max_duration")
    stop_when: tuple[StopWhen, ...] = ()


class Scenario(Strict):
    """One scenario file. No faults: the scenario is a control, `degraded` where its load alone breaks an SLO.

    `tags` say what it is about; they select it (`lab list`, `--tag`, `-k`) and change nothing of the run. What is given
    under `observe` takes the place of what the system's own has.
    """

    schema_version: SchemaVersion
    name: KebabName
    title: str = ""
    tags: Annotated[tuple[KebabName, ...], AfterValidator(_each_once)] = Field(default=(), max_length=MAX_TAGS)
    system: str
    observe: Observe | None = None
    seed: int = Field(default=0, ge=0, lt=MAX_SEED)
    duration_s: Annotated[Duration, Field(ge=MIN_DURATION_S)] = Field(alias="duration")
    load: Load | None = None
    faults: tuple[FaultUse, ...] = Field(default=(), max_length=MAX_USES)
    decoys: tuple[DecoyUse, ...] = Field(default=(), max_length=MAX_USES)
    degraded: Degraded | None = None
    steady_state: tuple[SliBound, ...] = ()
    grading: GradingModel = Field(default_factory=GradingModel)
    training: Training = Field(default_factory=Training)
    safety: Safety = Field(default_factory=Safety)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the load; none where no requests come."""
        return self.load.stages if self.load else ()

    @property
    def requests(self) -> float:
        """Requests expected over all stages."""
        return sum(stage.rate_per_s * stage.for_s for stage in self.stages)
