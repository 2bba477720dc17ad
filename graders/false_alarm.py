"""False alarm: on a control, where nothing was injected, does the engine blame nothing that is well?"""

from __future__ import annotations

from graders.axis import failed, leading, listed, unanswered
from lab.contracts import Boundary, Case, Diagnosis, Finding, Grade, Outcome, TrueDegradation, Verdict
from lab.judging.ranking import expected_hit

SATURATION = frozenset({str(Boundary.RESOURCE), str(Boundary.EXTERNAL)})
"""Boundaries that say of an element that its load is too much for it."""


def false_alarm(case: Case) -> Grade | None:
    """On a control only `healthy` passes; on a degraded one `unsure`, or a finding that says what is saturated.

    Degraded: the load itself broke an SLO. There a finding passes on the declared element or the users with boundary
    resource or external (in every order of the ties), and `healthy` fails. None where faults were injected.
    """
    if not case.truth.is_control:
        return None
    degraded = case.truth.degraded
    expected = "healthy" if degraded is None else _expected(degraded)
    early = unanswered("false-alarm", case, expected)
    if early is not None or not isinstance(case.answer, Diagnosis):
        return early
    if degraded is not None:
        return _on_degraded(case.answer, degraded, expected)
    if case.answer.verdict is Verdict.HEALTHY:
        return Grade("false-alarm", Outcome.PASS, 1.0, "healthy", expected, "right")
    blamed = listed(finding.culprit for finding in leading(case.answer.findings, 1))
    return failed("false-alarm", expected, f"fault: {blamed}", f"blamed {blamed} where nothing was injected")


def _expected(degraded: TrueDegradation) -> str:
    return f"unsure, or {listed(sorted(degraded.answerable), ' or ')} ({' or '.join(sorted(SATURATION))})"


def _on_degraded(answer: Diagnosis, degraded: TrueDegradation, expected: str) -> Grade:
    broke = f"{degraded.cause} and broke {listed(degraded.slos)}"
    if answer.verdict is Verdict.HEALTHY:
        return failed("false-alarm", expected, "healthy", broke)
    if answer.verdict is Verdict.UNSURE:
        return Grade("false-alarm", Outcome.PASS, 1.0, "unsure", expected, broke)

    def saturated(finding: Finding) -> bool:
        return finding.culprit in degraded.answerable and finding.boundary in SATURATION

    ranked: dict[tuple[str, bool], float] = {}
    for finding in answer.findings:
        key = (finding.culprit, saturated(finding))
        ranked[key] = max(finding.confidence, ranked.get(key, 0.0))
    value = expected_hit([(right, confidence) for (_, right), confidence in ranked.items()], {True}, 1)
    said = listed(f"{f.culprit} ({f.boundary})" for f in leading(answer.findings, 1))
    outcome = Outcome.PASS if value == 1 else Outcome.FAIL
    return Grade("false-alarm", outcome, float(value), f"fault: {said}", expected, broke)
