"""The system under test as data: components, links, call plans, timeouts, capacities, SLOs (`*.system.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from lab.files.units import MAX_DURATION_S, Duration, PositiveDuration, PositiveRatio, Ratio, duration_s, ratio
from lab.systems.observability import Observability

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
LinkName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}->[a-z][a-z0-9_-]{0,39}$")]
ComponentKind = Literal["users", "service", "database", "cache", "model", "job"]
SliName = Literal["error_ratio", "latency_p95_s", "click_through_ratio"]
MAX_SEED = 2**63
MAX_COMPONENTS = 500
MAX_STEPS = 60
"""Steps of one component: the simulator keeps a bit for each, in one word."""
MAX_RETRIES = 5
MAX_MESSAGE_BYTES = 10**9
"""Of a request or an answer: at the least bandwidth that a link can be throttled to, one takes 32 years."""
MAX_WARMUP_S = 3600.0
MIN_SCRAPE_S = 1.0
MIN_PERIOD_S = 0.1
"""The shortest time between a job's runs or a component's pauses: each costs the simulator an event."""


class Strict(BaseModel):
    """Unknown keys are errors; values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _version(value: Any) -> Any:
    if isinstance(value, bool):  # true is 1 in Python
        raise ValueError("expected 1")
    return value


SchemaVersion = Annotated[Literal[1], BeforeValidator(_version)]


def bound_value(value: Any, sli: str) -> float:
    """A limit for an SLI in its unit: a duration (or plain seconds) for a latency, a share for a ratio."""
    if sli.endswith("_ratio"):
        return ratio(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_DURATION_S:
        return float(value)
    try:
        return duration_s(value)
    except ValueError:
        raise ValueError(f"expected a duration: 250ms, or seconds as a number up to {MAX_DURATION_S:g}") from None


class SliBound(Strict):
    """An SLI of the entry point with one limit."""

    sli: SliName
    above: float | None = None
    below: float | None = None

    @field_validator("above", "below", mode="before")
    @classmethod
    def _in_the_unit_of_the_sli(cls, value: Any, info: ValidationInfo) -> Any:
        # Where the SLI itself is wrong, the unit of the limit says which kind was meant.
        meant = "_ratio" if isinstance(value, str) and value.rstrip().endswith("%") else "_s"
        return value if value is None else bound_value(value, info.data.get("sli", meant))

    @model_validator(mode="after")
    def _one_limit(self) -> SliBound:
        if (self.above is None) == (self.below is None):
            raise ValueError("expected exactly one of 'above' and 'below'")
        return self

    def holds(self, value: float) -> bool:
        """True when the value is on the named side of the limit."""
        return value > self.above if self.above is not None else value < (self.below or 0.0)


class Slo(SliBound):
    """An objective: the alert fires when the stated (bad) condition holds for `for`."""

    name: Name
    for_s: Duration = Field(alias="for")


class ServiceTime(Strict):
    """Own work per request: lognormal with this mean and coefficient of variation."""

    mean_s: Duration = Field(alias="mean")
    cv: float = Field(default=0.5, ge=0, le=5)


class Step(Strict):
    """One step of handling a request: a call to another component (`call`) or own code (`run`).

    `unless` and `after` name earlier steps. With `unless` this one runs only if that one did not succeed (a miss
    or a failure), with `after` only if that one neither missed nor failed. Calls multiply over the levels of a system:
    a request may lead to 10,000 of them where each step is taken once, to 100,000 attempts where all are retried.
    """

    name: Name
    call: Name | None = None
    run: Name | None = None
    operation: Name | None = None
    unless: Name | None = None
    after: Name | None = None
    timeout_s: PositiveDuration = Field(default=1.0, alias="timeout")
    retries: int = Field(default=0, ge=0, le=MAX_RETRIES)
    backoff_s: Duration = Field(default=0.0, alias="backoff")
    service_time: ServiceTime | None = None
    on_failure: Literal["fail", "continue"] = "fail"
    fallback: Name | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        if (self.call is None) == (self.run is None):
            raise ValueError("expected exactly one of 'call' and 'run'")
        if self.run is not None and self.operation is not None:
            raise ValueError("expected 'operation' only beside 'call': own code is named by 'run'")
        return self


class Pauses(Strict):
    """Stop-the-world pauses: exponential gaps with mean `every`, uniform lengths up to twice `mean`."""

    every_s: Annotated[Duration, Field(ge=MIN_PERIOD_S)] = Field(alias="every")
    mean_s: Duration = Field(alias="mean")


class Component(Strict):
    """A node of the system. `telemetry` says what it can report of single requests.

    A request that would wait longer than `max_wait` for a worker is refused, as a bounded queue would.
    """

    kind: ComponentKind
    workers: int = Field(default=1, ge=1, le=10_000)
    max_wait_s: Duration = Field(default=1.0, alias="max_wait")
    service_time: ServiceTime | None = None
    background_error_ratio: Ratio = 0.0
    pauses: Pauses | None = None
    telemetry: Literal["spans", "statement-log", "metrics"] = "spans"
    runtime: str = ""
    period_s: Duration = Field(default=0.0, alias="period")
    tables: tuple[Name, ...] = ()
    settings: Mapping[str, Any] = {}
    steps: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)


class Link(Strict):
    """A network path from caller to callee; one-way latency, lognormal with coefficient of variation `cv`."""

    latency_s: Duration = Field(default=0.0003, alias="latency")
    cv: float = Field(default=0.3, ge=0, le=5)
    request_bytes: int = Field(default=600, ge=1, le=MAX_MESSAGE_BYTES)
    response_bytes: int = Field(default=1500, ge=1, le=MAX_MESSAGE_BYTES)


class Sampling(Strict):
    """Which telemetry of single requests is kept; metrics are exact whatever is kept.

    Of all traces the share `traces` is kept, drawn by their ids, and beside these each whose request failed or took
    `slow` or longer. Log lines follow their trace; warnings and errors are kept. Features and predictions are kept for
    the share `records` of requests, whatever became of them.
    """

    traces: PositiveRatio = 1.0
    slow_s: PositiveDuration | None = Field(default=None, alias="slow")
    records: PositiveRatio = 1.0


class Observe(Strict):
    """The settings of a deployment's telemetry: time between samples of metrics, and which requests are recorded."""

    scrape_interval_s: Annotated[Duration, Field(ge=MIN_SCRAPE_S)] = Field(default=5.0, alias="scrape_interval")
    sampling: Sampling = Field(default_factory=Sampling)

    def with_given(self, other: Observe | None) -> Observe:
        """A copy with what another was given; its defaults change nothing."""
        return self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set} if other else {})


class World(Strict):
    """The content behind the requests: an entry point of `lab.worlds`, its seed and its settings."""

    name: Name
    seed: int = Field(default=0, ge=0, lt=MAX_SEED)
    settings: Mapping[str, Any] = {}


class System(Strict):
    """A whole topology. Links are written `caller->callee` and must match the call plans exactly.

    `observability` says how much its operators can see: `rich`, `usual` or `poor`, see docs/recording.md.
    """

    # What the parts say of each other is checked where a file is read: lab.systems.checks.

    schema_version: SchemaVersion
    name: Name
    title: str = ""
    world: World | None = None
    warmup_s: Annotated[Duration, Field(le=MAX_WARMUP_S)] = Field(default=60.0, alias="warmup")
    observe: Observe = Field(default_factory=Observe)
    missing_sample_ratio: Ratio = 0.01
    load_wobble_ratio: Ratio = 0.08
    observability: Annotated[
        Observability, Field(description="How much operators see; docs/recording.md says column by column what exists.")
    ] = "usual"
    components: dict[Name, Component] = Field(max_length=MAX_COMPONENTS)
    links: dict[LinkName, Link]
    slos: tuple[Slo, ...] = ()

    @property
    def scrape_interval_s(self) -> float:
        """Seconds between samples of metrics."""
        return self.observe.scrape_interval_s

    @property
    def users(self) -> str:
        """The component of kind `users`."""
        return next(name for name, c in self.components.items() if c.kind == "users")

    @property
    def entry(self) -> str:
        """The component that users call."""
        return str(self.components[self.users].steps[0].call)

    def elements(self) -> dict[str, str]:
        """Every name that can be blamed, with its kind (`link` for links)."""
        return {n: c.kind for n, c in self.components.items()} | dict.fromkeys(self.links, "link")

    def neighbours(self) -> dict[str, frozenset[str]]:
        """For each element the elements it touches: a link its two ends, a component its links."""
        touching: dict[str, set[str]] = {name: set() for name in self.elements()}
        for link in self.links:
            for end in link.split("->"):
                touching[link].add(end)
                touching[end].add(link)
        return {name: frozenset(others) for name, others in touching.items()}
