"""Onset: did the engine find by itself when the trouble began?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from graders.axis import considered, failed, leading, listed, unanswered, when, witnessed
from lab.contracts import Case, Diagnosis, Finding, Grade, GradingOptions, Outcome, TrueFault, Verdict
from lab.files.units import LONG_S, periods_text, time_text, window_text
from lab.judging.ranking import cut

Claim = tuple[str, str, float | None]
"""What a finding says of one incident: culprit, kind, onset. Saying it twice says nothing more."""


def distance_s(onset_s: float | None, fault: TrueFault) -> float:
    """Seconds from an onset to the interval from injection to first witnessed effect; negative when early."""
    if onset_s is None or fault.witnessed_s is None:
        return math.inf
    if onset_s < fault.injected_s:
        return onset_s - fault.injected_s
    return max(0.0, onset_s - fault.witnessed_s)


def _mismatch(claim: Claim, fault: TrueFault) -> int:
    culprit, kind, _ = claim
    return 2 if culprit != fault.culprit else int(kind != fault.kind)


def matched(claims: Sequence[Claim], faults: Sequence[TrueFault]) -> dict[Claim, TrueFault]:
    """Which fault each claim is held against: by culprit and kind, else by culprit, else any; then the nearest in time.

    No two claims share a fault, so some claims may be left without.
    """
    ranked = sorted(
        (_mismatch(claim, fault), abs(distance_s(claim[2], fault)), fault.injected_s, fault.id, i, j)
        for i, claim in enumerate(claims)
        for j, fault in enumerate(faults)
    )
    found: dict[Claim, TrueFault] = {}
    taken: set[int] = set()
    for *_, i, j in ranked:
        if claims[i] not in found and j not in taken:
            found[claims[i]] = faults[j]
            taken.add(j)
    return found


def _candidates(findings: Sequence[Finding], faults: Sequence[TrueFault]) -> dict[Claim, float]:
    """The claims that count, with their confidence: of each culprit its best ones, as many as faults lie on it."""
    best: dict[Claim, float] = {}
    for f in findings:
        claim = (f.culprit, f.kind, f.onset_s)
        best[claim] = max(f.confidence, best.get(claim, 0.0))
    places = Counter(fault.culprit for fault in faults)
    kept: dict[Claim, float] = {}
    for claim in sorted(best, key=lambda c: (-best[c], c[0], c[1], math.inf if c[2] is None else c[2])):
        better = sum(best[other] > best[claim] for other in best if other[0] == claim[0])
        if better < max(1, places[claim[0]]):
            kept[claim] = best[claim]
    return kept


def worst_share(case: Case, findings: Sequence[Finding]) -> float:
    """Share of the faults whose onset is met by the first n claims (n faults), in the worst order of the ties.

    Where a tie goes beyond the n-th place, its claims are held against what the surer ones are not held against.
    The expected value, as on the other axes, would let an engine buy tolerance: of many onsets some are near any time.
    """
    faults = sorted(witnessed(case), key=lambda f: (f.injected_s, f.id))
    n = len(faults)
    sure, tied, places = cut(list(_candidates(findings, faults).items()), n)
    if places == len(tied):  # nobody is left out: there is one order
        sure, tied, places = [*sure, *tied], [], 0

    def met(claim: Claim, fault: TrueFault | None) -> bool:
        return fault is not None and abs(distance_s(claim[2], fault)) <= case.options.onset_within_s

    held_against = matched(sure, faults)
    certain = sum(met(claim, held_against.get(claim)) for claim in sure)
    free = [fault for fault in faults if fault not in held_against.values()]
    alone = {claim: matched([claim], free).get(claim) for claim in tied}
    missing = sum(not met(claim, fault) for claim, fault in alone.items())
    # The worst order: first those that miss, then those that meet one and the same fault.
    groups = Counter(fault.id for claim, fault in alone.items() if fault is not None and met(claim, fault))
    places -= missing
    by_luck = 0
    for _, size in groups.most_common():
        by_luck += places > 0
        places -= size
    return (certain + by_luck) / n


def _span(seconds: float, options: GradingOptions, otherwise: str) -> str:
    """How far off, in periods of jobs where people count so."""
    return periods_text(abs(seconds), options.period_s, options.period) if options.period else otherwise


def _tolerance(options: GradingOptions) -> str:
    return _span(options.onset_within_s, options, time_text(options.onset_within_s))


def _window(fault: TrueFault, options: GradingOptions) -> str:
    if options.period:
        return f"{when(fault.injected_s, options)} to {when(fault.witnessed_s or fault.injected_s, options, ends=True)}"
    return window_text(fault.injected_s, fault.witnessed_s or fault.injected_s)


def _distances(case: Case, top: Sequence[Finding]) -> str:
    faults, notes = witnessed(case), []
    claims = list(dict.fromkeys((f.culprit, f.kind, f.onset_s) for f in top))
    held_against = matched(claims, faults)
    for claim in claims:
        culprit, _, onset_s = claim
        if onset_s is None:
            notes.append(f"{culprit}: no onset given")
            continue
        off_s = distance_s(onset_s, held_against.get(claim) or matched([claim], faults)[claim])
        side = "early" if off_s < 0 else "late" if off_s > 0 else "off"
        far = f"{abs(off_s):.1f} s" if abs(off_s) < LONG_S else time_text(round(abs(off_s)))
        notes.append(f"{culprit}: {_span(off_s, case.options, far)} {side}, tolerance {_tolerance(case.options)}")
    return listed(notes, "; ")


def onset(case: Case) -> Grade | None:
    """The leading finding's onset lies within tolerance of the interval from injection to first witnessed effect.

    A missing onset fails. With n faults: the share of them whose onset is met by one of the first n findings, each held
    against one fault only (see `matched`). Onsets tied in confidence count in their worst order: all of them must be
    met, so naming many earns nothing.
    """
    if case.truth.is_control:
        return None
    faults = witnessed(case)
    expected = listed(_window(f, case.options) for f in faults if f.witnessed_s is not None)
    expected = expected or "no witnessed onset"
    early = unanswered("onset", case, expected)
    if early is not None or not isinstance(case.answer, Diagnosis):
        return early
    if case.answer.verdict is Verdict.HEALTHY:
        return failed("onset", expected, "healthy", "the engine saw no fault where one had a witnessed effect")
    findings = considered(case)
    value = worst_share(case, findings)
    top = leading(findings, len(faults))
    answer = listed("none" if f.onset_s is None else when(f.onset_s, case.options) for f in top) or "nothing"
    words = "right" if value == 1 else "wrong" if value == 0 else f"{value:.2f} of {len(faults)}"
    explanation = "; ".join(word for word in (words, _distances(case, top)) if word)
    return Grade("onset", Outcome.PASS if value == 1 else Outcome.FAIL, value, answer, expected, explanation)
