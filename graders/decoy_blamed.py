"""Decoy blamed: did the engine fall for the benign event that was placed to mislead it?"""

from __future__ import annotations

from graders.axis import by_culprit, considered, leading, listed, unanswered, when, witnessed
from lab.contracts import Case, Diagnosis, Grade, Outcome, Verdict
from lab.judging.ranking import expected_hit


def decoy_blamed(case: Case) -> Grade | None:
    """Fails when a decoy's element may be among the first n culprits named (n guilty elements, one on a control).

    The value is the probability, over tie orders, that it is not. An element that is also guilty is rightly blamed, so
    without any other decoy the axis does not apply. `healthy` blames nothing and passes here; culprit fails it.
    """
    guilty = {fault.culprit for fault in case.truth.faults}
    if case.truth.degraded is not None:
        guilty |= case.truth.degraded.answerable
    misleading = {decoy.element for decoy in case.truth.decoys} - guilty
    if not misleading:
        return None
    expected = f"not {listed(sorted(misleading))}"
    early = unanswered("decoy-blamed", case, expected)
    if early is not None or not isinstance(case.answer, Diagnosis):
        return early
    if case.answer.verdict is not Verdict.FAULT:
        return Grade("decoy-blamed", Outcome.PASS, 1.0, str(case.answer.verdict), expected, "nothing was blamed")
    findings = considered(case)
    k = max(1, len({fault.culprit for fault in witnessed(case)}))
    blamed = expected_hit(list(by_culprit(findings).items()), misleading, k)
    top = [finding.culprit for finding in leading(findings, k)]
    why = "no decoy among the leading findings"
    if blamed > 0:
        events = [
            f"{d.kind} of {d.element} at {when(d.at_s, case.options)}" for d in case.truth.decoys if d.element in top
        ]
        why = f"blamed for a benign event: {listed(events)}; probability {float(blamed):.3f} over tie orders"
    outcome = Outcome.FAIL if blamed > 0 else Outcome.PASS
    return Grade("decoy-blamed", outcome, float(1 - blamed), listed(top) or "nothing", expected, why)
