"""Answers, truths and evidence in words and readable units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lab.contracts import Diagnosis, EngineFailure, Evidence, Finding, Outcome, TrueFault, Truth, Verdict
from lab.files.units import LONG_S, long_duration
from lab.injection.faults import Witness
from lab.signals.catalogue import known_signals, spec_of
from lab.systems.calendar import Calendar, told_end, told_time, told_window

if TYPE_CHECKING:
    from lab.judging.assess import Assessment

MARKS = {Outcome.PASS: "✓ pass", Outcome.FAIL: "✗ FAIL", Outcome.INCONCLUSIVE: "? inconclusive"}
STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "yellow"}
"""Colours beside the marks, never instead of them."""


def in_unit(value: float, unit: str) -> str:
    """A value of the signal catalogue with a unit people read: `97 %`, `12 ms`, `3.1 min`, `48/s`."""
    if unit == "ratio":
        return f"{value * 100:.3g} %"
    if unit == "s":
        size = abs(value)
        if size >= LONG_S:
            return long_duration(value)
        if size >= 120:
            return f"{value / 60:.3g} min"
        return f"{value:.3g} s" if size >= 1 or size == 0 else f"{value * 1000:.3g} ms"
    return f"{value:.3g}/s" if unit == "1/s" else f"{value:.3g}"


def effect_text(witness: Witness) -> str:
    """How far a signal has to move: `client_error_ratio of features->db moving by at least 2 points` (per cent)."""
    unit = spec_of(witness.signal).unit
    least = f"{witness.at_least * 100:.3g} points" if unit == "ratio" else in_unit(witness.at_least, unit)
    least = f"{witness.at_least:g} {witness.unit}" if witness.unit else least
    return f"{witness.signal} of {witness.subject} moving by at least {least}"


def evidence_text(evidence: Evidence) -> str:
    """`client_error_ratio of features->db: 0 % → 97 %`."""
    spec = known_signals().get(evidence.signal)
    unit = spec.unit if spec else ""
    levels = f"{in_unit(evidence.baseline, unit)} → {in_unit(evidence.observed, unit)}"
    return f"{evidence.signal} of {evidence.subject}: {levels}"


def finding_text(finding: Finding, calendar: Calendar | None = None) -> str:
    """`network-partition of features->db (network) from 241 s, confidence 0.82`."""
    onset = "onset not given" if finding.onset_s is None else f"from {told_time(finding.onset_s, calendar)}"
    return f"{finding.kind} of {finding.culprit} ({finding.boundary}) {onset}, confidence {finding.confidence:.2f}"


def answer_text(answer: Diagnosis | EngineFailure, truth: Truth | None = None, calendar: Calendar | None = None) -> str:
    """An engine's answer: as many findings as there are true faults (all are graded), and those tied with them.

    `calendar`: the system's, by which times are told.
    """
    if isinstance(answer, EngineFailure):
        return f"no answer: {answer.reason}"
    if answer.verdict is not Verdict.FAULT or not answer.findings:
        return str(answer.verdict)
    graded = _graded(truth)
    leading = answer.findings[:graded]
    least = leading[-1].confidence
    above = [finding for finding in leading if finding.confidence > least]
    tied = {finding.culprit for finding in answer.findings if finding.confidence == least}
    if len(above) + len(tied) <= graded:
        return "; ".join(finding_text(finding, calendar) for finding in leading)
    undecided = f"undecided between {len(tied)} elements at confidence {least:.2f}: {listed(sorted(tied))}"
    return "; ".join([*(finding_text(finding, calendar) for finding in above), undecided])


def _graded(truth: Truth | None) -> int:
    """How many findings are graded: as many as there are true faults."""
    return max(1, len(truth.faults)) if truth else 1


def answer_brief(answer: Diagnosis | EngineFailure, truth: Truth | None = None) -> str:
    """An engine's answer in a few words: `stale-cache of cache`, `healthy`."""
    if isinstance(answer, EngineFailure) or answer.verdict is not Verdict.FAULT or not answer.findings:
        return answer_text(answer)
    least = answer.findings[: _graded(truth)][-1].confidence
    leading = [finding for finding in answer.findings if finding.confidence >= least]
    return listed(list(dict.fromkeys(f"{finding.kind} of {finding.culprit}" for finding in leading)))


def not_judged_texts(answer: Diagnosis) -> list[str]:
    """`stale-cache of cache: row_age_mean_s not recorded`, a line for all culprits that lack the same signals."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in answer.not_judged:
        together.setdefault((one.kind, one.missing_signals), []).append(one.culprit)
    return [
        f"{kind} of {listed(found)}: {', '.join(lacking)} not recorded" for (kind, lacking), found in together.items()
    ]


def listed(names: Sequence[str], at_most: int = 3) -> str:
    """Names with commas; a long list is cut and says so."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def best_evidence(answer: Diagnosis | EngineFailure) -> Evidence | None:
    """The first evidence of the leading finding that cites any: engines put the strongest first."""
    if isinstance(answer, EngineFailure) or answer.verdict is not Verdict.FAULT:
        return None
    return next((finding.evidence[0] for finding in answer.findings if finding.evidence), None)


def truth_text(truth: Truth, calendar: Calendar | None = None) -> str:
    """Every true fault; `nothing was injected` for a control."""
    decoys = listed([f"{decoy.kind} of {decoy.element} at {told_time(decoy.at_s, calendar)}" for decoy in truth.decoys])
    text = "; ".join(fault_text(fault, calendar) for fault in truth.faults) or "nothing was injected"
    if truth.degraded is not None:
        text = f"nothing was injected; {truth.degraded.cause} (broke {listed(truth.degraded.slos)})"
    return f"{text}; benign: {decoys}" if decoys else text


def fault_text(fault: TrueFault, calendar: Calendar | None = None) -> str:
    """One injected fault with its window and when it first showed."""
    shown = f"showed at {told_end(fault.witnessed_s, calendar)}" if fault.witnessed_s is not None else "never showed"
    window = told_window(fault.injected_s, fault.reverted_s, calendar)
    return f"{fault.kind} of {fault.culprit} ({fault.boundary}) {window}, {shown}"


def case_texts(case: Assessment) -> tuple[str, str]:
    """A graded case: what was answered, and what is true."""
    return answer_text(case.answer, case.truth, case.calendar), truth_text(case.truth, case.calendar)


def first_sentence(doc: str) -> str:
    """A docstring's definition in one line."""
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    end = paragraph.find(". ")
    return paragraph if end < 0 else paragraph[: end + 1]


def columns(rows: Iterable[tuple[str, str]], indent: int = 4) -> str:
    """Label and text, one under the other, the texts aligned."""
    kept = [(label, text) for label, text in rows if text]
    width = max((len(label) for label, _ in kept), default=0)
    return "\n".join(f"{' ' * indent}{label:<{width}}  {text}" for label, text in kept)
