"""Evidence: is what the engine cites really in the recording, and did it move as claimed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graders.axis import judge, listed, witnessed
from lab.contracts import Case, Evidence, Finding, Grade

if TYPE_CHECKING:
    from lab.signals import SignalTable

RANGE_TOLERANCE = 0.05
"""A claimed level may lie this share of the series' own range outside it: engines smooth and round."""


def flaw(evidence: Evidence, table: SignalTable, onset_s: float, until_s: float) -> str:
    """Why one cited signal does not hold, or nothing.

    It holds when the series exists, reaches both claimed levels, and its mean while the fault lasted (`onset_s` to
    `until_s`) lies on the claimed side of its mean before.
    """
    import numpy as np

    from lab.windows import split

    name = f"{evidence.signal} of {evidence.subject}"
    series = table.get(evidence.signal, evidence.subject)
    if series is None:
        known = evidence.signal in table.names()
        return f"{name} is not in the recording" if known else f"{evidence.signal} is not a signal of the catalogue"
    if evidence.observed == evidence.baseline:
        return f"{name} is cited as unchanged"
    before, during = split(series.times_s, series.values, (onset_s, until_s))
    if not len(before) or not len(during):
        return f"{name} has no values {'before' if not len(before) else 'after'} {onset_s:g} s"
    low, high = float(np.nanmin(series.values)), float(np.nanmax(series.values))
    slack = RANGE_TOLERANCE * (high - low)
    for level in (evidence.baseline, evidence.observed):
        if not low - slack <= level <= high + slack:
            return f"{name} never was {level:g}: it lies within {low:g} and {high:g}"
    moved = float(during.mean() - before.mean())
    if moved * (evidence.observed - evidence.baseline) <= 0:
        really, claimed = f"{before.mean():g} to {during.mean():g}", f"{evidence.baseline:g} to {evidence.observed:g}"
        return f"{name} went from {really}, not from {claimed}"
    return ""


def evidence(case: Case) -> Grade | None:
    """The leading finding cites evidence, and all of it holds; citing none fails.

    Independent of whether the finding is right. With n guilty elements: the expected share of the first n findings
    whose evidence holds. Windows run from the finding's own onset (or the first injection, if it gives none) until the
    last witnessed fault was reverted.
    """
    faults = witnessed(case)
    until_s = max((fault.reverted_s for fault in faults), default=0.0)
    tables: list[SignalTable] = []

    def flaws(finding: Finding) -> list[str]:
        if not finding.evidence:
            return [f"{finding.culprit}: no evidence cited"]
        if not tables:
            from lab.signals import load_signals

            tables.append(load_signals(case.observed))
        onset_s = min(f.injected_s for f in faults) if finding.onset_s is None else finding.onset_s
        return [why for cited in finding.evidence if (why := flaw(cited, tables[0], onset_s, until_s))]

    return judge(
        "evidence",
        case,
        [(fault.culprit, "holds") for fault in faults],
        lambda finding: tuple(flaws(finding)) or "holds",
        expected="evidence that holds",
        show=lambda finding: listed((_text(cited) for cited in finding.evidence), "; ") or "none",
        note=lambda top: listed((why for finding in top for why in flaws(finding)), "; "),
    )


def _text(cited: Evidence) -> str:
    return f"{cited.signal} of {cited.subject} {cited.baseline:.4g} → {cited.observed:.4g}"
