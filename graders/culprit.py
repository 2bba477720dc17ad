"""Culprit, top-1: is the element the engine is most confident about the guilty one?"""

from __future__ import annotations

from graders.axis import judge, listed, witnessed
from lab.contracts import Case, Finding, Grade


def near_miss(case: Case, top: list[Finding]) -> str:
    """Says which leading answers only touch a guilty element: worth knowing, and not a hit."""
    guilty = sorted({fault.culprit for fault in witnessed(case)})
    notes = []
    for finding in top:
        touched = [g for g in guilty if finding.culprit in case.neighbours.get(g, frozenset())]
        if touched and finding.culprit not in guilty:
            notes.append(f"near: {finding.culprit} touches the guilty {listed(touched)}")
    return listed(notes, "; ")


def grade_culprit(grader: str, case: Case, depth: int) -> Grade | None:
    """Expected share of the guilty elements among the first `depth` ones named, or as many as are guilty if more."""
    guilty = [fault.culprit for fault in witnessed(case) or case.truth.faults]
    return judge(
        grader,
        case,
        [(culprit, culprit) for culprit in guilty],
        lambda finding: finding.culprit,
        expected=listed(sorted(guilty)),
        show=lambda finding: f"{finding.culprit} ({finding.confidence:.2f})",
        depth=depth,
        note=lambda top: near_miss(case, top),
    )


def culprit(case: Case) -> Grade | None:
    """The first element named is the guilty one; with n guilty ones, the share of them among the first n.

    Ties count by their expected value and pass only if that is 1. An end of a guilty link is near and no hit.
    """
    return grade_culprit("culprit", case, 1)
