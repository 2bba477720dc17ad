"""Is the answer short enough to act on?"""

from __future__ import annotations

from lab.contracts import Case, Diagnosis, Grade, Outcome

FINDINGS_MAX = 3


def brevity(case: Case) -> Grade | None:
    """At most three findings. Without an answer the axis does not apply."""
    if not isinstance(case.answer, Diagnosis):
        return None
    count = len(case.answer.findings)
    outcome = Outcome.PASS if count <= FINDINGS_MAX else Outcome.FAIL
    value = min(1.0, FINDINGS_MAX / max(count, 1))
    return Grade(
        "brevity", outcome, value, f"{count} findings", f"at most {FINDINGS_MAX}", "people read the first ones"
    )
