"""Kind: does the leading finding name the very fault, by its registered name?"""

from __future__ import annotations

from graders.axis import judge, listed, witnessed
from lab.contracts import Case, Grade


def kind(case: Case) -> Grade | None:
    """The leading finding's kind is the fault's registered name, letter for letter: the vocabulary is closed.

    Independent of the culprit. With n faults: the expected share of their kinds among the first n findings.
    """
    faults = witnessed(case) or case.truth.faults
    return judge(
        "kind",
        case,
        [(fault.culprit, fault.kind) for fault in faults],
        lambda finding: finding.kind,
        expected=listed(sorted(fault.kind for fault in faults)),
        show=lambda finding: finding.kind,
    )
