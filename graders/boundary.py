"""Boundary: does the leading finding put the blame in the right domain (data, model, network, …)?"""

from __future__ import annotations

from graders.axis import judge, listed, witnessed
from lab.contracts import Case, Grade


def boundary(case: Case) -> Grade | None:
    """The leading finding's boundary is the fault's. Axes are independent: a wrong culprit may have the right boundary.

    With n faults: the expected share of their boundaries among the first n findings.
    """
    faults = witnessed(case) or case.truth.faults
    return judge(
        "boundary",
        case,
        [(fault.culprit, fault.boundary) for fault in faults],
        lambda finding: finding.boundary,
        expected=listed(sorted(str(fault.boundary) for fault in faults)),
        show=lambda finding: finding.boundary,
    )
