"""Answers compared with the truth: what was injected, each engine's answer, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.contracts import Diagnosis, EngineFailure, Finding, Grade, Outcome, Truth, Verdict
from lab.report.format import NOTHING, Times, long_times_told, quantity, shortened
from lab.report.marks import HIT, MISS, NEAR, NOT_APPLICABLE, NOT_ASKED, SIGNS, Sign
from lab.report.matrix import Entry
from lab.signals import SignalTable
from lab.signals.catalogue import spec_of

AIMED = ("culprit", "boundary", "kind", "onset")
"""Axes that aim at one true value: they hit or miss; the others pass or fail."""
MAX_FINDINGS = 3
MAX_EVIDENCE, MAX_WHYS, MAX_WHY = 8, 20, 400
MAX_ANSWER = 90
MAX_NOTE = 180
OBVIOUS = ("right", "wrong")
"""Explanations that repeat the sign."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One engine on one axis; `full` is the grader's whole text, for a tooltip."""

    sign: Sign
    text: str
    note: str
    full: str


@dataclass(frozen=True, slots=True)
class AxisRow:
    """One axis: the true value and every engine's answer."""

    name: str
    truth: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A cited signal with its levels as text; `known` when the recording has it."""

    signal: str
    subject: str
    doc: str
    baseline: str
    observed: str
    known: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """One finding, ready to print."""

    culprit: str
    boundary: str
    kind: str
    onset: str
    confidence: str
    why: tuple[str, ...]
    evidence: tuple[Citation, ...]
    uncited: int
    """Pieces of evidence that are not listed."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One engine's whole answer to a run; `failure` where it gave none."""

    engine: str
    sign: Sign
    answer: str
    isolation: str
    failure: str
    suspects: tuple[Suspect, ...]
    more: int


@dataclass(frozen=True, slots=True)
class TruthFact:
    """One injected fault as a list of (term, value)."""

    title: str
    items: tuple[tuple[str, str], ...]


def truth_facts(truth: Truth, written: Mapping[str, Mapping[str, str]], times: Times) -> tuple[TruthFact, ...]:
    """The injected faults, ready to print; parameters as the scenario writes them (`written`), others as numbers."""
    facts = []
    for fault in truth.faults:
        given = {name: value for name, value in sorted(fault.parameters.items()) if value not in ("", None)}
        given |= {name: text for name, text in written.get(fault.id, {}).items() if name in given}
        parameters = ", ".join(f"{name} {_plain(value)}" for name, value in given.items())
        effect = (
            "none was seen, so no engine is graded by this fault"
            if fault.witnessed_s is None
            else times.told(fault.witnessed_s)
        )
        items = [
            ("culprit", fault.culprit),
            ("boundary", fault.boundary),
            ("kind", fault.kind),
            ("with", parameters or NOTHING),
            ("injected", times.span(fault.injected_s, fault.reverted_s)),
            ("first effect", effect),
        ]
        facts.append(TruthFact(f"{fault.kind} on {fault.culprit}", tuple(items)))
    return tuple(facts)


def _plain(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def blaming(answer: Diagnosis | EngineFailure | None, truth: Truth) -> list[Finding]:
    """The findings that graders look at first: as many as there are guilty elements, and those that tie with them.

    Only the verdict `fault` blames an element.
    """
    if not isinstance(answer, Diagnosis) or answer.verdict is not Verdict.FAULT:
        return []
    last = answer.findings[: max(1, len(truth.faults))][-1].confidence
    return [finding for finding in answer.findings if finding.confidence >= last]


def axis_rows(entry: Entry, engines: Sequence[str], truth: Truth, times: Times) -> tuple[AxisRow, ...]:
    """The verdict, the aimed axes, then every other axis that applied."""
    by_engine = {engine: {grade.grader: grade for grade in entry.grades.get(engine, ())} for engine in engines}
    names = dict.fromkeys(name for grades in by_engine.values() for name in grades)
    ordered = [name for name in AIMED if name in names] + [name for name in names if name not in AIMED]
    rows = [AxisRow("verdict", "healthy" if truth.is_control else "fault", tuple(_overall(entry, e) for e in engines))]
    for name in ordered:
        grades = [by_engine[engine].get(name) for engine in engines]
        expected = long_times_told(next(grade.expected for grade in grades if grade), times.end_s)
        answers = tuple(_answer(entry, e, g, truth, times) for e, g in zip(engines, grades, strict=True))
        rows.append(AxisRow(name, expected, answers))
    return tuple(rows)


def _overall(entry: Entry, engine: str) -> Answer:
    given = entry.run.diagnosis(engine)
    if isinstance(given, EngineFailure):
        return Answer(entry.sign(engine), "no answer", shortened(given.reason, MAX_NOTE), given.reason)
    return Answer(entry.sign(engine), str(given.verdict) if given else "not asked", "", "")


def _answer(entry: Entry, engine: str, grade: Grade | None, truth: Truth, times: Times) -> Answer:
    if grade is None:
        sign = NOT_APPLICABLE if engine in entry.grades else NOT_ASKED
        return Answer(sign, "", "", "")
    sign = SIGNS[grade.outcome]
    if grade.grader in AIMED and grade.outcome is not Outcome.INCONCLUSIVE:
        sign = HIT if grade.outcome is Outcome.PASS else MISS
        if sign is MISS and grade.grader == "culprit" and _near(entry, engine, truth):
            sign = NEAR
    # How far off an onset is, is told to the second as long as it is short.
    answer, explanation = long_times_told(grade.answer, times.end_s), long_times_told(grade.explanation)
    note = "" if grade.explanation in OBVIOUS else shortened(explanation, MAX_NOTE)
    return Answer(sign, shortened(answer, MAX_ANSWER), note, f"{grade.answer}. {grade.explanation}")


def _near(entry: Entry, engine: str, truth: Truth) -> bool:
    """Whether a leading answer touches a guilty element."""
    neighbours = entry.run.neighbours
    around = {name for fault in truth.faults for name in neighbours.get(fault.culprit, frozenset())}
    return any(finding.culprit in around for finding in blaming(entry.run.diagnosis(engine), truth))


def statement(entry: Entry, engine: str, signals: SignalTable, times: Times) -> Statement:
    """An engine's answer with its reasons and evidence."""
    answer = entry.run.diagnosis(engine)
    sign = entry.sign(engine)
    isolation = _isolation(entry, engine)
    if answer is None or isinstance(answer, EngineFailure):
        return Statement(engine, sign, "no answer", isolation, answer.reason if answer else "it was not asked", (), 0)
    shown = tuple(_suspect(finding, signals, times) for finding in answer.findings[:MAX_FINDINGS])
    verdict = f"{answer.verdict}, which counts as unanswered" if entry.unanswered(engine) else str(answer.verdict)
    return Statement(engine, sign, verdict, isolation, "", shown, len(answer.findings) - len(shown))


def _isolation(entry: Entry, engine: str) -> str:
    """What kept the engine from the truth, in words."""
    found = entry.run.isolation(engine)
    names = {"none": "nothing, so it could have read the truth", "remote": "being asked elsewhere", "unknown": ""}
    kept = names.get(found.by, found.by)
    reads = f"; it was also permitted to read {', '.join(found.reads)}" if found.reads else ""
    return f"What hid the truth from the engine: {kept}{reads}." if kept else ""


def _suspect(finding: Finding, signals: SignalTable, times: Times) -> Suspect:
    cited = []
    for fact in finding.evidence[:MAX_EVIDENCE]:
        spec = spec_of(fact.signal)
        known = signals.get(fact.signal, fact.subject) is not None
        levels = quantity(fact.baseline, spec.unit), quantity(fact.observed, spec.unit)
        cited.append(Citation(fact.signal, fact.subject, spec.doc, *levels, known))
    return Suspect(
        finding.culprit, finding.boundary, finding.kind, times.told(finding.onset_s), f"{finding.confidence:.2f}",
        tuple(shortened(why, MAX_WHY) for why in finding.why[:MAX_WHYS]), tuple(cited),
        len(finding.evidence) - len(cited),
    )  # fmt: skip
