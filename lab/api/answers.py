"""Bodies of requests and answers about what a participant thinks and does: board, remedies, hints, diagnosis, group."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints

from lab.api.models import Answer, Given, Plain, ShortText, Text
from lab.contracts import LARGEST_NUMBER

REFERENCE_BYTES = 2_000
LARGEST_WHOLE = 2**53
"""Other programs take larger ones for floats."""
MOST_FINDINGS, MOST_EVIDENCE, MOST_WHYS = 10, 20, 10
MOST_POSTMORTEM = 50_000
"""Characters; what is longer than a request may be (`lab.api.security.BODY_BYTES`) is refused before."""


def _small(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """JSON that can be kept and sent: short, its texts in Unicode, its numbers those of other programs too."""
    try:
        octets = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # half of a surrogate pair is one too
        raise ValueError("expected JSON with texts in Unicode and finite numbers") from error
    if len(octets) > REFERENCE_BYTES:
        raise ValueError(f"expected at most {REFERENCE_BYTES} bytes of JSON")
    if _largest(value) > LARGEST_WHOLE:
        raise ValueError(f"expected whole numbers up to {LARGEST_WHOLE}")
    return value


def _largest(value: JsonValue) -> int:
    """The largest whole number in JSON, without its sign."""
    if isinstance(value, dict | list):
        return max(map(_largest, value.values() if isinstance(value, dict) else value), default=0)
    return abs(value) if isinstance(value, int) else 0


Reference: TypeAlias = Annotated[dict[str, JsonValue], Field(max_length=20), AfterValidator(_small)]
Id: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Number: TypeAlias = Annotated[float, Field(strict=True, ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False)]
HintNumber: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1000)]
Number_s: TypeAlias = Annotated[float, Field(strict=True, ge=-1e10, le=1e10, allow_inf_nan=False)]
Line: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500), Plain]
NoteText: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=2_000), Plain]
State: TypeAlias = Literal["open", "likely", "ruled-out"]
Stance: TypeAlias = Literal["for", "against", "neutral"]
PinKind: TypeAlias = Literal["chart", "trace", "log", "alert", "change", "distribution"]


class NewHypothesis(Given):
    """What may be the matter; `parent`: the hypothesis that it is a part of, in the fault tree."""

    text: Line
    culprit: ShortText | None = None
    boundary: ShortText | None = None
    kind: ShortText | None = None
    state: State = "open"
    parent: Id | None = None


class HypothesisChange(Given):
    """What changes of a hypothesis; what is left out stays."""

    text: Line | None = None
    culprit: ShortText | None = None
    boundary: ShortText | None = None
    kind: ShortText | None = None
    state: State | None = None
    parent: Id | None = None


class Hypothesis(NewHypothesis):
    """A hypothesis on the board."""

    id: str


class NewPin(Given):
    """Evidence: a chart, trace, line… (`ref` says which, as the page that pins it needs it) for or against."""

    hypothesis: Id | None = None
    stance: Stance = "neutral"
    kind: PinKind
    ref: Reference
    text: Text = ""
    at_s: Number_s | None = None


class PinChange(Given):
    """What changes of a pin; what is left out stays."""

    hypothesis: Id | None = None
    stance: Stance | None = None
    text: Text | None = None


class Pin(NewPin):
    """Evidence on the board. `at_s` is of what is pinned, where it has a time, else when it was pinned.

    `pinned_s`: the session's time at which it was pinned; null for what was pinned after the answer.
    """

    id: str
    pinned_s: Number_s | None = None


class NewNote(Given):
    """A note."""

    text: NoteText
    at_s: Number_s | None = None


class NoteChange(Given):
    """Another text for a note."""

    text: NoteText


class Note(NewNote):
    """A note on the board; `wall`: when it was written, in seconds since 1970."""

    id: str
    wall: float


class Whys(Given):
    """A chain of whys, from what was noticed to its cause."""

    whys: Annotated[list[Annotated[str, StringConstraints(max_length=500), Plain]], Field(max_length=MOST_WHYS)]


class BoardAnswer(Answer):
    """All that is on a board."""

    version: int
    hypotheses: list[Hypothesis]
    pins: list[Pin]
    notes: list[Note]
    whys: list[str]


class RemedyPlace(Answer):
    """Where a remedy can be done; `value`: a JSON schema of what it sets there, with `unit` and what it is `now`."""

    place: str
    label: str
    value: dict[str, Any] | None


class RemedyAnswer(Answer):
    """Something that people can do, and how long it takes them. What there is does not depend on the incident."""

    name: str
    title: str
    doc: str
    cost_s: float
    places: list[RemedyPlace]


class NewAction(Given):
    """Does a remedy at a place; `value`: what it sets there, if it sets something."""

    remedy: ShortText
    place: ShortText
    value: Number | None = None


class WantedHint(Given):
    """Which hint is asked for; without a number the next one."""

    number: HintNumber | None = Field(default=None, description="from 1 on; asked again, a hint costs nothing more")


class HintAnswer(Answer):
    """A hint, and the points that it cost."""

    text: str
    cost: float


class GivenEvidence(Given):
    """A signal that moved; its levels are looked up where they are left out."""

    signal: ShortText
    subject: ShortText
    baseline: Number | None = None
    observed: Number | None = None
    until_s: Number_s | None = Field(
        default=None, description="to where levels are looked up; the first action, or now, where it is left out"
    )


class GivenFinding(Given):
    """A suspected cause. `boundary` is that of the kind where it is left out."""

    culprit: ShortText
    kind: ShortText
    boundary: Literal["data", "model", "service", "network", "resource", "integration", "external"] | None = None
    onset_s: Number_s | None = None
    onset: ShortText | None = Field(
        default=None, description="in place of `onset_s`, as people write it: see `/moment`"
    )
    confidence: float = Field(default=1.0, ge=0, le=1, strict=True)
    evidence: Annotated[list[GivenEvidence], Field(max_length=MOST_EVIDENCE)] = Field(default=[])
    why: Annotated[list[Text], Field(max_length=MOST_WHYS)] = Field(default=[])


class GivenDetection(Given):
    """Who noticed it first, and why so late, as you have it. Not graded; the debrief puts it beside what was so."""

    noticed_by: Literal["alert", "check", "people", "nobody"] | None = Field(
        default=None, description="an alert, a check or failure of the system's own, people who called, nobody"
    )
    why: Text = ""


class GivenDiagnosis(Given):
    """The answer: a diagnosis as engines give it. `healthy` and `unsure` have no findings."""

    schema_version: Literal[1] = 1
    verdict: Literal["fault", "healthy", "unsure"]
    findings: Annotated[list[GivenFinding], Field(max_length=MOST_FINDINGS)] = Field(default=[])
    detection: GivenDetection | None = None


class Submitted(Answer):
    """What became of an answer."""

    status: str


class PostmortemChange(Given):
    """Your version of a post-mortem as Markdown, and the revision of the text that it was made from."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MOST_POSTMORTEM), Plain]
    revision: Annotated[int, Field(ge=0, le=LARGEST_WHOLE, strict=True)]


class PostmortemDraft(Answer):
    """A post-mortem to go on with. `generated`: it is the lab's, with the revision 0; nobody kept another.

    `saved_at`: when it was kept, in seconds since 1970. `original`: the lab's text, null where it is not there now.
    """

    text: str
    revision: int
    generated: bool
    saved_at: float | None
    original: str | None


class BoundaryWord(Answer):
    """Where blame may lie."""

    name: str
    doc: str


class KindWord(Answer):
    """A kind of fault, where the blame for it lies, and what kinds of elements can have it."""

    name: str
    boundary: str
    doc: str
    targets: list[str]


class Vocabulary(Answer):
    """Words of diagnoses."""

    boundaries: list[BoundaryWord]
    kinds: list[KindWord]
    verdicts: list[str]


class Debrief(Answer):
    """The truth, and everything beside it. Times are scenario seconds; what does not apply is null or empty."""

    model_config = ConfigDict(extra="allow")

    exercise: dict[str, Any] = Field(description="which one it was, and `what` was the matter")
    participant: str | None
    truth: dict[str, Any] = Field(description="faults with their times and witnesses, decoys, degradation")
    timeline: list[dict[str, Any]] = Field(description="what happened, was seen, done and said, by `time_s`")
    answers: list[dict[str, Any]] = Field(description="yours (`who` is `you`), then engines': findings, grades, score")
    effects: list[dict[str, Any]] = Field(description="of each fault: the signals it moved, with it and without it")
    series: list[dict[str, Any]] = Field(description="signals as it was, with your actions, and without the fault")
    evidence: list[dict[str, Any]] = Field(
        description="when it could be seen first, when you looked, whether you cited it"
    )
    actions: list[dict[str, Any]] = Field(description="what you did, whether it helped, and why")
    helps: list[dict[str, Any]] = Field(description="remedies that help")
    times: dict[str, Any] = Field(description="onset, and the time to detect, to diagnose and to mitigate")
    costs: list[dict[str, Any]] = Field(
        description="what the incident cost: `there` against `without` the fault, until your answer and after it; what "
        "your actions `saved`"
    )
    detection: dict[str, Any] | None = Field(
        default=None, description="who noticed it first, and why so late; null for a control"
    )
    suspicions: dict[str, Any] | None = Field(
        default=None, description="of a control: what looked suspicious, why it was nothing, what an accusation costs"
    )
    monitoring: dict[str, Any] = Field(description="the first alert, and signals that would have alerted earlier")
    score: dict[str, Any] | None
    calibration: dict[str, Any] | None
    end_s: float
