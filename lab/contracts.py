"""Data that all parts of the lab exchange: boundaries, truth, diagnosis, grade. Plain records, to and from JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
LARGEST_NUMBER = 1e300
"""A diagnosis holds no larger number, so that sums and squares of them stay finite."""
MOST_FINDINGS = 10_000
"""Enough for a guess that blames every element of a large system with every kind."""
MOST_EVIDENCE = 100
"""Signals that a finding may cite, or that a cause that was not judged may miss."""
MOST_LINES = 100
"""Lines of a finding's `why`."""
LONGEST_NAME = 300
"""Characters of a culprit, kind, signal or subject."""
LONGEST_LINE = 2_000
"""Characters of one line of `why`."""


class Boundary(StrEnum):
    """Where the blame lies: a closed vocabulary."""

    DATA = "data"
    MODEL = "model"
    SERVICE = "service"
    NETWORK = "network"
    RESOURCE = "resource"
    INTEGRATION = "integration"
    EXTERNAL = "external"


class Verdict(StrEnum):
    """An engine's overall answer; `unsure` passes only on a control declared `degraded`."""

    FAULT = "fault"
    HEALTHY = "healthy"
    UNSURE = "unsure"


class DiagnosisError(ValueError):
    """An engine's answer does not have the form of a diagnosis."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One cited signal of the catalogue: its subject (component, link or `component.column`) and two levels."""

    signal: str
    subject: str
    baseline: float
    observed: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspected cause; `confidence` in [0, 1], `onset_s` in scenario seconds."""

    culprit: str
    boundary: str
    kind: str
    onset_s: float | None
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A kind of cause that an engine could not judge on an element: signals were missing. Optional, not graded."""

    kind: str
    culprit: str
    missing_signals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an engine says of one recording: a verdict and findings, most confident first."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "verdict": str(self.verdict),
            "findings": [asdict(finding) for finding in self.findings],
        }
        return data | ({"not_judged": [asdict(one) for one in self.not_judged]} if self.not_judged else {})

    @classmethod
    def from_json(cls, data: Any) -> Diagnosis:
        """Reads an answer strictly; raises DiagnosisError saying which part is wrong."""
        answer = _mapping(data, "diagnosis")
        if answer.get("schema_version") != SCHEMA_VERSION or isinstance(answer["schema_version"], bool):
            raise DiagnosisError(f"schema_version is {answer.get('schema_version')!r:.300}, expected {SCHEMA_VERSION}")
        verdict = answer.get("verdict")
        if not isinstance(verdict, str) or verdict not in {str(v) for v in Verdict}:
            raise DiagnosisError(f"verdict is {verdict!r:.300}, expected one of fault, healthy, unsure")
        items = _list(answer, "findings", "", MOST_FINDINGS)
        findings = tuple(_finding(item, f"findings[{i}]") for i, item in enumerate(items))
        if verdict == Verdict.FAULT and not findings:
            raise DiagnosisError("verdict is 'fault' but findings is empty")
        if verdict == Verdict.HEALTHY and findings:
            raise DiagnosisError(
                f"verdict is 'healthy' but findings is not empty (it has {len(findings)}): "
                "say 'fault' where something is to blame, else leave the findings out"
            )
        ranked = tuple(sorted(findings, key=lambda f: -f.confidence))
        return cls(Verdict(verdict), ranked, _not_judged(_list(answer, "not_judged", "", MOST_FINDINGS)))


def _mapping(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise DiagnosisError(f"{where} is of type {type(data).__name__}, expected an object")
    return data


def _number(data: Mapping[str, Any], key: str, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    value = data.get(key)
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not max(low, -LARGEST_NUMBER) <= value <= min(high, LARGEST_NUMBER)
    ):
        raise DiagnosisError(f"{where}.{key} is {value!r:.300}, expected a number from {low:g} to {high:g}")
    return float(value)


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise DiagnosisError(f"{where}.{key} is {value!r:.300}, expected a string")
    if len(value) > LONGEST_NAME:
        raise DiagnosisError(f"{where}.{key} has {len(value)} characters, expected at most {LONGEST_NAME}")
    _check_encodable(value, f"{where}.{key}")
    return value


def _check_encodable(value: str, where: str) -> None:
    """JSON's escapes can spell half a character, which no file can hold."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DiagnosisError(f"{where} is {value!r:.300}, expected text without half characters") from error


def _list(data: Mapping[str, Any], key: str, where: str, most: int) -> list[Any]:
    items, at = data.get(key, []), f"{where}.{key}".lstrip(".")
    if not isinstance(items, list):
        raise DiagnosisError(f"{at} is of type {type(items).__name__}, expected a list")
    if len(items) > most:
        raise DiagnosisError(f"{at} has {len(items)} entries, expected at most {most}")
    return items


def _lines(data: Mapping[str, Any], key: str, where: str, longest: int, most: int) -> tuple[str, ...]:
    lines = _list(data, key, where, most)
    for i, line in enumerate(lines):
        if not isinstance(line, str):
            raise DiagnosisError(f"{where}.{key}[{i}] is of type {type(line).__name__}, expected a string")
        if len(line) > longest:
            raise DiagnosisError(f"{where}.{key}[{i}] has {len(line)} characters, expected at most {longest}")
        _check_encodable(line, f"{where}.{key}[{i}]")
    return tuple(lines)


def _finding(data: Any, where: str) -> Finding:
    item = _mapping(data, where)
    boundary = _text(item, "boundary", where)
    if boundary not in {str(b) for b in Boundary}:
        raise DiagnosisError(f"{where}.boundary is {boundary!r}, expected one of {', '.join(Boundary)}")
    onset = None if item.get("onset_s") is None else _number(item, "onset_s", where)
    why = _lines(item, "why", where, LONGEST_LINE, MOST_LINES)
    cited = []
    for i, entry in enumerate(_list(item, "evidence", where, MOST_EVIDENCE)):
        at = f"{where}.evidence[{i}]"
        fact = _mapping(entry, at)
        levels = (_number(fact, "baseline", at), _number(fact, "observed", at))
        cited.append(Evidence(_text(fact, "signal", at), _text(fact, "subject", at), *levels))
    culprit, kind = _text(item, "culprit", where), _text(item, "kind", where)
    return Finding(culprit, boundary, kind, onset, _number(item, "confidence", where, 0, 1), tuple(cited), why)


def _not_judged(items: list[Any]) -> tuple[NotJudged, ...]:
    read = []
    for i, entry in enumerate(items):
        at = f"not_judged[{i}]"
        item = _mapping(entry, at)
        if "missing_signals" not in item:
            raise DiagnosisError(f"{at}.missing_signals is absent, expected a list of strings")
        signals = _lines(item, "missing_signals", at, LONGEST_NAME, MOST_EVIDENCE)
        read.append(NotJudged(_text(item, "kind", at), _text(item, "culprit", at), signals))
    return tuple(read)


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """An engine that crashed, timed out or answered nonsense: a failed case with its reason, never dropped."""

    reason: str


@dataclass(frozen=True, slots=True)
class Isolation:
    """What kept an engine from the truth while it answered.

    `by` is `none`, `remote` (it ran elsewhere), `unknown` (an older lab asked), or what confined its process, such as
    `landlock-abi7+mounts+rlimits`. `reads` are the paths that were permitted beside its own.
    """

    by: str = "unknown"
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrueFault:
    """One injected fault as it really was. `witnessed_s` is the first witnessed effect, None when none showed."""

    id: str
    kind: str
    culprit: str
    boundary: str
    injected_s: float
    reverted_s: float
    witnessed_s: float | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    witnesses: tuple[Mapping[str, Any], ...] = ()

    @property
    def witnessed(self) -> bool:
        return self.witnessed_s is not None


@dataclass(frozen=True, slots=True)
class TrueDecoy:
    """A benign event placed to mislead; `element` is what must not be blamed for it."""

    id: str
    kind: str
    element: str
    at_s: float


@dataclass(frozen=True, slots=True)
class TrueDegradation:
    """A control that its own load saturates: where, whose load it is, and the SLOs that it broke.

    `element` is the users themselves where nothing is saturated: what they do breaks an objective.
    """

    element: str
    users: str
    slos: tuple[str, ...] = ()

    @property
    def answerable(self) -> frozenset[str]:
        """What may be named as the place of it: the saturated element, or the people who bring the load."""
        return frozenset({self.element, self.users})

    @property
    def cause(self) -> str:
        """In words, what degrades it."""
        if self.element == self.users:
            return f"{self.users} do other things than usual"
        return f"the load saturates {self.element}"


@dataclass(frozen=True, slots=True)
class Truth:
    """Contents of `truth/faults.json`. No faults: the case is a control, which may be a degraded one."""

    faults: tuple[TrueFault, ...] = ()
    decoys: tuple[TrueDecoy, ...] = ()
    degraded: TrueDegradation | None = None

    @property
    def is_control(self) -> bool:
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Truth:
        faults = tuple(TrueFault(**{**f, "witnesses": tuple(f["witnesses"])}) for f in data["faults"])
        found = data.get("degraded")
        degraded = TrueDegradation(**{**found, "slos": tuple(found["slos"])}) if found else None
        return cls(faults, tuple(TrueDecoy(**d) for d in data["decoys"]), degraded)


class Outcome(StrEnum):
    """A grade's three values, composed worst-of: fail over inconclusive over pass."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


def compose(outcomes: list[Outcome]) -> Outcome:
    """Worst of several outcomes. Nothing graded is inconclusive: unknown is never success."""
    for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        if outcome in outcomes:
            return outcome
    return Outcome.PASS if outcomes else Outcome.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Grade:
    """One axis of judgement. `value` in [0, 1] (None when inconclusive); `answer` and `expected` are for the reader."""

    grader: str
    outcome: Outcome
    value: float | None
    answer: str
    expected: str
    explanation: str


@dataclass(frozen=True, slots=True)
class GradingOptions:
    """How strictly to grade: rank depth and seconds of tolerance around the true onset.

    `period`, `period_s`: what people call a period of the system's jobs, and its length; none without a calendar.
    """

    top_k: int
    onset_within_s: float
    period: str = ""
    period_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a grader may look at. `observed` is the recording's `observed/` directory.

    `neighbours` maps every element to the elements it touches (a link to its two ends). `requests` is how many
    requests the entry point was seen to handle; None where they were not counted. `alerts`: SLOs whose alert fired.
    `runs`: how many runs of jobs were seen where no requests come; None elsewhere.
    `symptom` is the link on which users feel a fault, `column_holders` the components that hand out feature columns.
    """

    truth: Truth
    answer: Diagnosis | EngineFailure
    options: GradingOptions
    observed: Path
    neighbours: Mapping[str, frozenset[str]] = field(default_factory=dict)
    requests: int | None = None
    alerts: tuple[str, ...] = ()
    symptom: str = ""
    column_holders: frozenset[str] = frozenset()
    runs: int | None = None


Grader = Callable[[Case], Grade | None]
"""A grader returns None when its axis does not apply to the case (onset on a control, decoys where there are none)."""
