"""Onset: did the engine find by itself when the trouble began?"""

from __future__ import annotations

import math

from graders.axis import judge, listed, witnessed
from lab.contracts import Case, Finding, Grade, TrueFault


def distance_s(onset_s: float | None, fault: TrueFault) -> float:
    """Seconds from an onset to the interval from injection to first witnessed effect; negative when early."""
    if onset_s is None or fault.witnessed_s is None:
        return math.inf
    if onset_s < fault.injected_s:
        return onset_s - fault.injected_s
    return max(0.0, onset_s - fault.witnessed_s)


def nearest_fault(finding: Finding, faults: list[TrueFault]) -> TrueFault:
    """The fault an onset is held against: the nearest in time of those on the finding's culprit, else of all."""
    same = [fault for fault in faults if fault.culprit == finding.culprit]
    return min(same or faults, key=lambda f: (abs(distance_s(finding.onset_s, f)), f.injected_s, f.id))


def _distances(case: Case, top: list[Finding]) -> str:
    faults, notes = witnessed(case), []
    for finding in top:
        off_s = distance_s(finding.onset_s, nearest_fault(finding, faults))
        if finding.onset_s is None:
            notes.append(f"{finding.culprit}: no onset given")
        else:
            side = "early" if off_s < 0 else "late" if off_s > 0 else "off"
            notes.append(f"{finding.culprit}: {abs(off_s):.1f} s {side}, tolerance {case.options.onset_within_s:g} s")
    return listed(notes, "; ")


def onset(case: Case) -> Grade | None:
    """The leading finding's onset lies within tolerance of the interval from injection to first witnessed effect.

    A missing onset fails. With n faults: the expected share of them whose onset is met by one of the first n findings,
    each finding held against one fault only (see `nearest_fault`).
    """
    faults = witnessed(case)

    def met(finding: Finding) -> str | None:
        fault = nearest_fault(finding, faults)
        return fault.id if abs(distance_s(finding.onset_s, fault)) <= case.options.onset_within_s else None

    spans = [f"{f.injected_s:g}–{f.witnessed_s:g} s" for f in faults]
    return judge(
        "onset",
        case,
        [(fault.culprit, fault.id) for fault in faults],
        met,
        expected=listed(spans) or "no witnessed onset",
        show=lambda finding: "none" if finding.onset_s is None else f"{finding.onset_s:g} s",
        note=lambda top: _distances(case, top),
    )
