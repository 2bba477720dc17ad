"""Culprit, top-k: is the guilty element among the few an on-call engineer would look at?"""

from __future__ import annotations

from graders.culprit import grade_culprit
from lab.contracts import Case, Grade


def culprit_top_k(case: Case) -> Grade | None:
    """Share of the guilty elements among the first `top_k` distinct ones named (the scenario's `grading`)."""
    return grade_culprit("culprit-top-k", case, case.options.top_k)
