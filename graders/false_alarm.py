"""False alarm: on a control, where nothing was injected, does the engine say so?"""

from __future__ import annotations

from graders.axis import leading, listed, unanswered
from lab.contracts import Case, Diagnosis, Grade, Outcome, Verdict


def false_alarm(case: Case) -> Grade | None:
    """Passes on `healthy` only: `fault` is the alarm, `unsure` never passes. None where faults were injected."""
    if not case.truth.is_control:
        return None
    early = unanswered("false-alarm", case, "healthy")
    if early is not None or not isinstance(case.answer, Diagnosis):
        return early
    if case.answer.verdict is Verdict.HEALTHY:
        return Grade("false-alarm", Outcome.PASS, 1.0, "healthy", "healthy", "right")
    blamed = listed(finding.culprit for finding in leading(case.answer.findings, 1))
    why = f"blamed {blamed} where nothing was injected"
    return Grade("false-alarm", Outcome.FAIL, 0.0, f"fault: {blamed}", "healthy", why)
