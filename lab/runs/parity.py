"""Do two testbeds agree? Symptoms and verdicts of the same scenario, recorded twice.

Compared is how each symptom of the signature (`lab.runs.signature`) moved while the fault lasted. What one of the two
recordings does not have is no agreement and no difference: it is listed. Too little that was compared is no agreement
either: the comparison is then inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot
from typing import Literal

from lab.contracts import Diagnosis, EngineFailure
from lab.errors import Problem, UserError
from lab.recording.observed import load_observed
from lab.recording.rundir import COMPLETE, RunDirectory
from lab.runs.signature import (
    Effect,
    FaultKey,
    Side,
    Sides,
    Symptom,
    measured,
    per_test,
    series_of,
    symptoms,
    unknown_kinds,
    why_absent,
    windows,
)
from lab.signals import Series
from lab.signals.catalogue import spec_of

LEAST_COMPARED = 3
"""Signals that must be compared, at least, for an agreement."""
SIDES = ("the first", "the second")

Result = Literal["agree", "disagree", "inconclusive"]
Verdict = tuple[str, str, str]
"""Verdict, culprit and kind that an engine named first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One symptom on both testbeds: what it did there, and whether that agrees.

    `slower`: in which of the two (0 or 1) it adds up more slowly, as time was compressed there; None for neither.
    """

    symptom: Symptom
    effects: tuple[Effect, Effect]
    slower: int | None = None

    @property
    def signal(self) -> str:
        return self.symptom.signal

    @property
    def subject(self) -> str:
        return self.symptom.subject

    @property
    def signs(self) -> tuple[int, int]:
        return self.effects[0].sign, self.effects[1].sign

    @property
    def moved(self) -> bool:
        """Whether it moved on either."""
        return any(self.signs)

    @property
    def agrees(self) -> bool:
        """Equal signs; or effects that differ by no more than they are uncertain, or by less than matters.

        Where it adds up more slowly, it may be too little to be seen.
        """
        if self.signs[0] == self.signs[1] or (self.slower is not None and self.signs[self.slower] == 0):
            return True
        first, second = self.effects
        difference = abs(first.change - second.change)
        return difference <= hypot(first.uncertainty, second.uncertainty) or difference < self.symptom.at_least


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A signal of the signature that could not be compared, and why."""

    signal: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison: a row for each signal compared, what could not be compared, and both verdicts."""

    rows: tuple[Row, ...]
    not_compared: tuple[NotCompared, ...]
    verdicts: tuple[Verdict, Verdict]
    faults: tuple[FaultKey, ...] = ()
    model_servers: tuple[str, str] = ("", "")
    """Who served the model in either; empty where a testbed has no choice of it."""
    incomplete: tuple[str, ...] = ()
    """Which of the two recordings is of a run that is not graded, and why, in words."""

    @property
    def differs(self) -> bool:
        """Whether something that was compared disagrees."""
        return self.verdicts[0] != self.verdicts[1] or not all(row.agrees for row in self.rows)

    @property
    def doubt(self) -> str:
        """Why what was compared is too little for an agreement; empty where it is enough."""
        if self.incomplete:
            return "; ".join(self.incomplete)
        if len(self.rows) < LEAST_COMPARED:
            return f"signals compared: {len(self.rows)}; an agreement takes at least {LEAST_COMPARED}"
        shown = {row.symptom.fault for row in self.rows if row.moved}
        unseen = [fault for fault in self.faults if fault not in shown]
        if unseen:
            names = ", ".join(f"{identity} ({kind} of {culprit})" for identity, kind, culprit in unseen)
            return f"no declared symptom moved in either recording of the fault {names}"
        return ""

    @property
    def result(self) -> Result:
        """A difference counts however little was compared; an agreement must have compared enough."""
        if self.differs:
            return "disagree"
        return "inconclusive" if self.doubt else "agree"

    @property
    def agrees(self) -> bool:
        return self.result == "agree"


def compare(first: RunDirectory, second: RunDirectory, engine: str = "rules") -> Parity:
    """Compares two recordings over the fault windows of each; where one is of a control, over those of the other.

    UserError when they do not show the same of the same system, or when an engine was not asked.
    """
    if first.meta["system"] != second.meta["system"]:
        raise UserError(f"{first.path} and {second.path} are of different systems")
    seen = [load_observed(run.observed).system.get("observability") for run in (first, second)]
    if seen[0] != seen[1]:
        what = f"{first.path} and {second.path} are of different observability"
        expected = "the same for both: what one has and the other lacks is no difference between testbeds"
        raise UserError(Problem(what, seen=f"{seen[0]} and {seen[1]}", expected=expected))
    verdicts = _verdict(first, engine), _verdict(second, engine)
    sides = Side.of(first), Side.of(second)
    rows, absent = compared(sides)
    servers = str(first.meta.get("model_server", "")), str(second.meta.get("model_server", ""))
    incomplete = tuple(
        f"{side} recording is of a run that is not graded ({run.status})"
        for side, run in zip(SIDES, (first, second), strict=True)
        if run.status != COMPLETE
    )
    return Parity(rows, absent, verdicts, tuple({**sides[0].faults, **sides[1].faults}), servers, incomplete)


def compared(sides: Sides) -> tuple[tuple[Row, ...], tuple[NotCompared, ...]]:
    """What the signature comes to in both recordings, and what of it one of them does not have."""
    found: list[tuple[Symptom, tuple[Series, Series]]] = []
    absent = [
        NotCompared("its witnesses", fault.culprit, f"no fault {fault.kind!r} is installed here")
        for fault in unknown_kinds(sides)
    ]
    for symptom in symptoms(sides):
        one, other = series_of(symptom, *sides), series_of(symptom, sides[1], sides[0])
        if one is None or other is None:
            absent.append(NotCompared(symptom.signal, symptom.subject, _why(symptom, sides, (one, other))))
        else:
            found.append((symptom, (one, other)))
    level = per_test(len(found))
    scales = [float(side.system.get("time_scale", 1.0)) for side in sides]
    slower = None if scales[0] == scales[1] else int(scales[1] > scales[0])
    rows = []
    for symptom, pair in found:
        spans = windows(symptom, sides)
        first, second = (measured(*each, symptom.at_least, level) for each in zip(pair, spans, strict=True))
        if first is None or second is None:
            why = "; ".join(_without_intervals((first, second)))
            absent.append(NotCompared(symptom.signal, symptom.subject, why))
        else:
            rows.append(Row(symptom, (first, second), slower if spec_of(symptom.signal).adds_up else None))
    return tuple(rows), tuple(sorted(absent, key=lambda one: (one.signal, one.subject)))


def _why(symptom: Symptom, sides: Sides, pair: tuple[Series | None, Series | None]) -> str:
    one, other = why_absent(symptom, *sides), why_absent(symptom, sides[1], sides[0])
    if pair[0] is pair[1] is None:
        return f"not in either recording: {one}" if one == other else f"not in either recording: {one}; {other}"
    return f"not in {SIDES[0]}: {one}" if pair[0] is None else f"not in {SIDES[1]}: {other}"


def _without_intervals(effects: tuple[Effect | None, Effect | None]) -> Iterator[str]:
    for side, effect in zip(SIDES, effects, strict=True):
        if effect is None:
            yield f"{side} has no interval before the fault, or none while it lasted"


def _verdict(run: RunDirectory, engine: str) -> Verdict:
    answer = run.diagnosis(engine)
    if answer is None:
        raise UserError(f"{run.path}: engine {engine!r} was not asked; run: lab diagnose {run.path} --engine {engine}")
    if isinstance(answer, EngineFailure):
        return "failure", "", ""
    return _leading(answer)


def _leading(answer: Diagnosis) -> Verdict:
    if not answer.findings or str(answer.verdict) != "fault":
        return str(answer.verdict), "", ""
    return str(answer.verdict), answer.findings[0].culprit, answer.findings[0].kind
