"""Bodies of requests and answers of the API about people, exercises and sessions."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias
from unicodedata import category, normalize

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lab.investigation.naming import is_seen

MOST_SEED = 2**63 - 1


class Given(BaseModel):
    """The body of a request: what is not known is an error. Numbers and truth values are strict: `true` is no 1."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Answer(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(populate_by_name=True)


def _plain(text: str) -> str:
    """Refuses control characters, which no page shows and some programs obey; lines and tabs are text."""
    if wrong := next((sign for sign in text if category(sign) == "Cc" and sign not in "\n\r\t"), None):
        raise ValueError(f"expected text without control characters, there is U+{ord(wrong):04X}")
    return text


Plain = AfterValidator(_plain)
"""Of every text that people give."""
Text: TypeAlias = Annotated[str, StringConstraints(max_length=2_000), Plain]
ShortText: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=300), Plain]


def _readable(name: str) -> str:
    """Refuses what is not seen, such as marks that turn text around: a name must not look like another one."""
    beside = zip(name, ("", *name), (*name[1:], ""), strict=False)
    if wrong := next((sign for sign, before, after in beside if not is_seen(sign, before, after)), None):
        raise ValueError(f"a sign that cannot be seen, U+{ord(wrong):04X}")
    return normalize("NFC", name)


PersonName: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^<>]+$"),
    AfterValidator(_readable),
]


class Me(Answer):
    """Who asks. `joining`: somebody with the group's link who has not given a name yet."""

    name: str
    role: Literal["solo", "participant", "instructor", "joining"]
    csrf: str = Field(description="send it as X-CSRF-Token with each change, if a cookie tells who you are")
    group: bool
    version: str


class NewParticipant(Given):
    """Somebody who joins a group."""

    name: PersonName


class Joined(Answer):
    """A participant's token, which is told this once: a code that can be typed, and leads back as `/?token=TOKEN`."""

    token: str
    id: str
    name: str
    csrf: str


class CourseAnswer(Answer):
    """A course: exercises in an order."""

    name: str
    title: str
    exercises: list[str]


class ExerciseAnswer(Answer):
    """An exercise, with one's own last session on it."""

    id: str
    course: str
    number: int
    title: str
    level: str
    topics: list[str]
    system: str
    brief: str
    duration_s: float
    hints: int
    session: str | None
    status: str | None
    score: float | None


class PastAnswer(Answer):
    """A session of yours that cannot go on, and why; of a released one debrief and post-mortem can be read.

    A blind one tells its exercise and title once it is released. `began_at`: seconds since 1970.
    """

    session: str
    exercise: str | None
    title: str | None
    is_blind: bool
    status: Literal["open", "answered", "released"]
    score: float | None
    began_at: float
    why: str


class Exercises(Answer):
    """All that can be solved here, and your sessions on what was offered before."""

    courses: list[CourseAnswer]
    exercises: list[ExerciseAnswer]
    past: list[PastAnswer]


class NewSession(Given):
    """Begins a session on an exercise, or on one that is drawn by a seed and not named."""

    exercise: ShortText | None = None
    blind: int | None = Field(default=None, ge=0, le=MOST_SEED, strict=True)

    @model_validator(mode="after")
    def _one_of_both(self) -> NewSession:
        if (self.exercise is None) == (self.blind is None):
            raise ValueError("expected exactly one of 'exercise' and 'blind'")
        return self


class Created(Answer):
    """The id of something new."""

    id: str


class SessionExercise(Answer):
    """What a session is about. A blind one tells the system and a brief that all of it share, before its debrief."""

    id: str | None
    title: str | None
    level: str | None
    topics: list[str]
    system: str
    brief: str
    is_blind: bool
    asks: list[str] = Field(description="what the answer may tell beside the diagnosis: `detection`")


class ProgressAnswer(Answer):
    """What is waited for, and the share of it that is done, where that is told."""

    what: str
    share: float | None


class Trouble(Answer):
    """What went wrong."""

    what: str
    hint: str = ""


class ClockAnswer(Answer):
    """The session's clock in scenario seconds. What is seen is what was visible at `as_of_s`."""

    now_s: float
    as_of_s: float
    start_s: float
    end_s: float
    speed: float
    is_paused: bool
    speeds: list[float]
    tick_s: float


class AlertRow(Answer):
    """An alert that fired or resolved, as it was recorded."""

    time_s: float
    slo: str
    service: str = Field(alias="service.name")
    state: Literal["firing", "resolved"]
    value: float | None


class ChangeRow(Answer):
    """An entry of the change log, as it was recorded."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    time_s: float


class StoppedAnswer(Answer):
    """Where the last jump to an alert stopped, and why: at the `alert`, at the end, or at neither within `looked_s`.

    Whether an alert comes after that is not told.
    """

    at_s: float
    why: Literal["alert", "nothing", "end"]
    looked_s: float
    alert: AlertRow | None


class AlertsSeen(Answer):
    """How many alerts there were, and the last one."""

    count: int
    last: AlertRow | None


class Counted(Answer):
    """How many."""

    count: int


class HintTaken(Answer):
    """A hint, and what it cost."""

    text: str
    cost: float
    at_s: float


class HintsSeen(Answer):
    """Hints that were taken, how many are left, and what the next one costs."""

    taken: list[HintTaken]
    left: int
    next_cost: float | None


class ActionDone(Answer):
    """Something that was done: begun at `at_s`, in effect at `done_s`."""

    id: str
    at_s: float
    done_s: float
    remedy: str
    title: str
    place: str
    value: Any = None


class CalendarNamed(Answer):
    """What people call the periods of a system's jobs, and how long one is; the date of second 0 and its time zone."""

    period: str
    period_s: float
    begins: str
    zone: str


class SessionAnswer(Answer):
    """How a session stands. Cheap: pages ask for it each second."""

    id: str
    exercise: SessionExercise
    status: Literal["preparing", "ready", "acting", "answered", "released", "failed"]
    progress: ProgressAnswer | None
    problem: Trouble | None
    clock: ClockAnswer
    calendar: CalendarNamed | None
    stopped: StoppedAnswer | None
    alerts: AlertsSeen
    changes: Counted
    hints: HintsSeen
    actions: list[ActionDone]
    board_version: int
    score_cost: float
    score: float | None


class ClockChange(Given):
    """Exactly one of them: another speed, pause or go on, or a jump."""

    speed: float | None = Field(default=None, gt=0, le=1e6, strict=True)
    pause: bool | None = Field(default=None, strict=True)
    jump: Literal["next-alert", "end", "tick", "period"] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> ClockChange:
        if sum(value is not None for value in (self.speed, self.pause, self.jump)) != 1:
            raise ValueError("expected exactly one of 'speed', 'pause' and 'jump'")
        return self


class MomentAnswer(Answer):
    """A time of the incident as it was read: scenario seconds, and how people tell it."""

    at_s: float
    told: str


class Alerts(Answer):
    """Alerts so far, in the order in which they fired or resolved."""

    as_of_s: float
    alerts: list[AlertRow]


class Changes(Answer):
    """The change log so far."""

    as_of_s: float
    changes: list[ChangeRow]
