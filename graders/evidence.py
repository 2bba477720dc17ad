"""Evidence: is what the engine cites really in the recording, and did it move as claimed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graders.axis import judge, listed, witnessed
from graders.paths import lies_on_the_way
from lab.contracts import Case, Evidence, Finding, Grade
from lab.files.units import LONG_S, long_duration, time_text

if TYPE_CHECKING:
    from lab.signals import SignalTable

RANGE_TOLERANCE = 0.05
"""A claimed level may lie this share of the series' own range outside it: engines smooth and round."""


BEYOND_NOISE = 3.0
"""A signal moved if its level changed by so many standard errors (`lab.signals.windows.standardised_change`)."""


def out_of_place(evidence: Evidence, culprit: str, case: Case) -> str:
    """Why a cited signal says nothing of the culprit: neither on it nor on the way to the symptom."""
    if not case.symptom or lies_on_the_way(evidence, culprit, case):
        return ""
    if culprit not in case.neighbours:
        return f"{culprit} is no element of the system"
    return f"{evidence.signal} of {evidence.subject} lies neither on {culprit} nor on the way from it to {case.symptom}"


def flaw(evidence: Evidence, table: SignalTable, onset_s: float, until_s: float) -> str:
    """Why one cited signal does not hold, or nothing.

    It holds when the series exists, reaches both claimed levels, and its mean while the fault lasted (`onset_s` to
    `until_s`) lies on the claimed side of its mean before, by more than noise moves it.
    """
    import numpy as np

    from lab.signals.windows import split, standardised_change

    name = f"{evidence.signal} of {evidence.subject}"
    series = table.get(evidence.signal, evidence.subject)
    if series is None:
        known = evidence.signal in table.names()
        return f"{name} is not in the recording" if known else f"{evidence.signal} is not a signal of the catalogue"
    if evidence.observed == evidence.baseline:
        return f"{name} is cited as unchanged"
    before, during = split(series.times_s, series.values, (onset_s, until_s))
    if not len(before) or not len(during):
        return f"{name} has no values {'before' if not len(before) else 'after'} {time_text(onset_s)}"
    low, high = float(np.nanmin(series.values)), float(np.nanmax(series.values))
    slack = RANGE_TOLERANCE * (high - low)
    for level in (evidence.baseline, evidence.observed):
        if not low - slack <= level <= high + slack:
            told, least, most = _levels(evidence.signal, level, low, high)
            return f"{name} never was {told}: it lies within {least} and {most}"
    moved = float(during.mean() - before.mean())
    if moved * (evidence.observed - evidence.baseline) <= 0:
        levels = float(before.mean()), float(during.mean()), evidence.baseline, evidence.observed
        really, claimed = (" to ".join(_levels(evidence.signal, *pair)) for pair in (levels[:2], levels[2:]))
        return f"{name} went from {really}, not from {claimed}"
    sigmas = standardised_change(series.times_s, series.values, (onset_s, until_s))
    if abs(sigmas) < BEYOND_NOISE:
        (told,) = _levels(evidence.signal, moved, form="+.3g")
        return f"{name} did not move beyond its noise: {told} is {abs(sigmas):.1f} standard errors"
    return ""


def evidence(case: Case) -> Grade | None:
    """The leading finding cites evidence, and all of it holds; citing none fails.

    A signal holds if it moved as claimed, beyond noise, and lies on the finding's culprit or on the way from it to the
    symptom. Independent of whether the finding is right. With n guilty elements: the expected share of the first n
    findings whose evidence holds. Windows run from the finding's own onset (or the first injection, if it gives none)
    until the last witnessed fault was reverted.
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
        said = [
            out_of_place(cited, finding.culprit, case) or flaw(cited, tables[0], onset_s, until_s)
            for cited in finding.evidence
        ]
        return [why for why in said if why]

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
    """The claimed levels."""
    baseline, observed = _levels(cited.signal, cited.baseline, cited.observed, form=".4g")
    return f"{cited.signal} of {cited.subject} {baseline} → {observed}"


def _levels(signal: str, *levels: float, form: str = "g") -> list[str]:
    """Levels in a signal's own unit; times of hours as people tell them."""
    from lab.signals.catalogue import spec_of

    is_long = spec_of(signal).unit == "s" and max(map(abs, levels)) >= LONG_S
    return [long_duration(level) if is_long else f"{level:{form}}" for level in levels]
