"""The system under test as data: components, links, call plans, timeouts, capacities, SLOs (`*.system.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from lab.files.units import MAX_DURATION_S, Duration, PositiveDuration, PositiveRatio, Ratio, amount, duration_s, ratio
from lab.registration.clock import SystemClock
from lab.registration.datasets import writers
from lab.registration.known import known_slis
from lab.registration.observability import Observability
from lab.registration.world import registration_of

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
LinkName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}->[a-z][a-z0-9_-]{0,39}$")]
ComponentKind = Literal["users", "service", "database", "cache", "model", "job"]
Handling = Literal["asynchronous", "thread-per-request"]
SliName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
MAX_SEED = 2**63
MAX_COMPONENTS = 500
MAX_STEPS = 60
"""Steps of one component: the simulator keeps a bit for each, in one word."""
MAX_RETRIES = 5
MAX_WORKERS = 10_000
MAX_QUEUE = 1_000_000
MAX_VALUE = 1e9
"""The greatest value of a request, and of a limit for it."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Of a calendar: a run of any length and any zone stays within what can be told as a date."""
MAX_MESSAGE_BYTES = 10**9
"""Of a request or an answer: at the least bandwidth that a link can be throttled to, one takes 32 years."""
MIN_SCRAPE_S = 1.0
MIN_PERIOD_S = 0.1
"""The shortest time between a job's runs or a component's pauses: each costs the simulator an event."""


QueueLimit = Annotated[int, Field(ge=0, le=MAX_QUEUE)]
"""How many may wait."""


class Strict(BaseModel):
    """Unknown keys are errors; values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _version(value: Any) -> Any:
    if isinstance(value, bool):  # true is 1 in Python
        raise ValueError("expected 1")
    return value


SchemaVersion = Annotated[Literal[1], BeforeValidator(_version)]


def bound_value(value: Any, unit: str | None) -> float:
    """A limit for an SLI in its unit: a share, a duration (or plain seconds), or an amount.

    `unit` None: that of an SLI that nobody knows here, which the limit itself tells.
    """
    if unit is None:
        text = value.rstrip() if isinstance(value, str) else ""
        unit = "ratio" if text.endswith("%") else "s" if text.endswith(("s", "m", "h", "d")) else ""
    if unit == "ratio":
        return ratio(value)
    if unit != "s":
        return amount(value, unit)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_DURATION_S:
        return float(value)
    try:
        return duration_s(value)
    except ValueError:
        raise ValueError(f"expected a duration: 250ms, or seconds as a number up to {MAX_DURATION_S:.0f}") from None


class SliBound(Strict):
    """A service level indicator with one limit, which is written in its unit."""

    sli: SliName
    above: float | None = None
    below: float | None = None

    @field_validator("above", "below", mode="before")
    @classmethod
    def _in_the_unit_of_the_sli(cls, value: Any, info: ValidationInfo) -> Any:
        known = known_slis().get(str(info.data.get("sli")))
        return value if value is None else bound_value(value, known.unit if known else None)

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


class Pool(Strict):
    """Connections of a caller: `size` at most are in use at a time, each by one attempt.

    An attempt that finds none free waits in a queue, in order of arrival, for `max_wait` at most; where `queue` wait
    already it fails at once. Both ways its status is `exhausted`. Its timeout counts from when it has a connection.
    """

    size: int = Field(ge=1, le=MAX_WORKERS)
    max_wait_s: Duration = Field(default=1.0, alias="max_wait")
    queue: QueueLimit | None = None


class When(Strict):
    """A condition on the value that the world's model gave a request: above one bound, at most another, or both.

    The bounds are keys of the configuration: `steps.<step>.above` and `steps.<step>.at_most`.
    """

    above: float | None = Field(default=None, ge=-MAX_VALUE, le=MAX_VALUE)
    at_most: float | None = Field(default=None, ge=-MAX_VALUE, le=MAX_VALUE)

    @model_validator(mode="after")
    def _some_limit(self) -> When:
        if self.above is None and self.at_most is None:
            raise ValueError("expected 'above', 'at_most' or both")
        if self.above is not None and self.at_most is not None and self.above >= self.at_most:
            raise ValueError("expected 'above' to be less than 'at_most'")
        return self


class Step(Strict):
    """One step of handling a request: a call to another component (`call`) or own code (`run`).

    `unless` and `after` name earlier steps. With `unless` this one runs only if that one did not succeed (a miss
    or a failure), with `after` only if that one neither missed nor failed. With `when` it runs only for requests whose
    value is within limits; where it is not, or there is none, the step counts as a miss. Calls multiply over the levels
    of a system: a request may lead to 10,000 of them where each step is taken once, to 100,000 attempts where all are
    retried. With `wait: false` the call is a message: its sender goes on at once and learns nothing of what becomes of
    it. `pool`: connections for this step alone; those of its link (`links`) are shared by all steps that call over it.
    """

    name: Name
    call: Name | None = None
    run: Name | None = None
    operation: Name | None = None
    unless: Name | None = None
    after: Name | None = None
    when: When | None = None
    timeout_s: PositiveDuration = Field(default=1.0, alias="timeout")
    retries: int = Field(default=0, ge=0, le=MAX_RETRIES)
    backoff_s: Duration = Field(default=0.0, alias="backoff")
    service_time: ServiceTime | None = None
    on_failure: Literal["fail", "continue"] = "fail"
    fallback: Name | None = None
    pool: Pool | None = None
    wait: bool = True

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

    `workers` handle so many requests at a time. With `handling: asynchronous` a worker is free for another request
    while the one it works on waits for a call; with `thread-per-request` it is held until the answer.

    A request waits for a worker, in order of arrival, for `max_wait` at most; else it is refused: on arrival where it
    would wait longer, and where `handling` or `queue` is given, when it has waited so long. With `queue` it is also
    refused at once where so many wait already.

    A job runs once in each `period`. `starts`: how long after its period begins a run is due. `needs`: jobs that have
    to succeed first in that period; a run waits for them, to the end of the period at most, else it is skipped. A run
    that takes longer than `timeout` is ended. One that failed or was ended is tried again up to `retries` times, each
    time `backoff` later, while its period lasts. A job with any of these, or that others need, has one run at a time.
    """

    kind: ComponentKind
    workers: int = Field(default=1, ge=1, le=MAX_WORKERS)
    handling: Handling = "asynchronous"
    max_wait_s: Duration = Field(default=1.0, alias="max_wait")
    queue: QueueLimit | None = None
    service_time: ServiceTime | None = None
    background_error_ratio: Ratio = 0.0
    pauses: Pauses | None = None
    telemetry: Literal["spans", "statement-log", "metrics"] = "spans"
    runtime: str = ""
    period_s: Duration = Field(default=0.0, alias="period")
    starts_s: Duration = Field(default=0.0, alias="starts")
    needs: tuple[Name, ...] = ()
    timeout_s: PositiveDuration | None = Field(default=None, alias="timeout")
    retries: int = Field(default=0, ge=0, le=MAX_RETRIES)
    backoff_s: Duration = Field(default=0.0, alias="backoff")
    tables: tuple[Name, ...] = ()
    settings: Mapping[str, Any] = {}
    steps: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)

    @property
    def has_worker_pool(self) -> bool:
        """Whether it is not known on arrival how long a request waits for a worker: they are handed out one by one."""
        return self.handling != "asynchronous" or self.queue is not None

    @property
    def has_schedule(self) -> bool:
        """Whether more than a period says when a job runs."""
        return bool(self.starts_s or self.needs or self.timeout_s or self.retries)


class Link(Strict):
    """A network path from caller to callee; one-way latency, lognormal with coefficient of variation `cv`."""

    latency_s: Duration = Field(default=0.0003, alias="latency")
    cv: float = Field(default=0.3, ge=0, le=5)
    request_bytes: int = Field(default=600, ge=1, le=MAX_MESSAGE_BYTES)
    response_bytes: int = Field(default=1500, ge=1, le=MAX_MESSAGE_BYTES)
    pool: Pool | None = None


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


def _date(value: Any) -> date:
    try:
        found = value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("expected a date: 2026-10-05") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"expected a date of a year from {FIRST_YEAR} to {LAST_YEAR}")
    return found


def _zone(value: Any) -> str:
    try:
        return str(ZoneInfo(value))
    except (TypeError, ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("expected a time zone by its IANA name: Europe/Berlin, UTC") from None


FirstDay = Annotated[date, BeforeValidator(_date)]
Zone = Annotated[str, BeforeValidator(_zone)]
PeriodWord = Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]


class CalendarModel(Strict):
    """Dates for a system that takes days: what people call a `period` of its jobs, and their time `zone` (IANA).

    Scenario second 0 is midnight (UTC) of the day on which it `begins`.
    """

    begins: FirstDay
    zone: Zone = "UTC"
    period: PeriodWord = "period"


class System(Strict):
    """A whole topology. Links are written `caller->callee` and must match the call plans exactly.

    `observability` says how much its operators can see: `rich`, `usual` or `poor`, see docs/recording.md.
    """

    # What the parts say of each other is checked where a file is read: lab.systems.checks.

    schema_version: SchemaVersion
    name: Name
    title: str = ""
    world: World | None = None
    warmup_s: Duration = Field(default=60.0, alias="warmup")
    observe: Observe = Field(default_factory=Observe)
    calendar: CalendarModel | None = None
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
    def periods_s(self) -> dict[str, float]:
        """The time between the runs of each job."""
        return {name: c.period_s for name, c in self.components.items() if c.kind == "job"}

    @property
    def scheduled_jobs(self) -> dict[str, Component]:
        """The jobs that have more of a schedule than a period, and those that others need."""
        jobs = {name: c for name, c in self.components.items() if c.kind == "job"}
        needed = {need for c in jobs.values() for need in c.needs}
        return {name: c for name, c in jobs.items() if c.has_schedule or name in needed}

    @property
    def clock(self) -> SystemClock:
        """The system's own time."""
        world = registration_of(self.world.name) if self.world else None
        called = {name: [step.operation for step in self.components[name].steps] for name in self.periods_s}
        written = writers(world.datasets, called) if world else {}
        return SystemClock.of(self.scrape_interval_s, self.periods_s, self.links, written)

    @property
    def users(self) -> str | None:
        """The component of kind `users`; None in a system that jobs alone drive."""
        return next((name for name, c in self.components.items() if c.kind == "users"), None)

    @property
    def entry(self) -> str | None:
        """The component that users call."""
        return None if self.users is None else self.components[self.users].steps[0].call

    @property
    def entry_link(self) -> str | None:
        """The link over which users call it."""
        return None if self.users is None else f"{self.users}->{self.entry}"

    @property
    def performers(self) -> dict[str, str]:
        """The component that is called for each operation of the world."""
        steps = [step for component in self.components.values() for step in component.steps]
        return {step.operation: str(step.call) for step in steps if step.operation}

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
