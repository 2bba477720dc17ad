"""What the fault axes share: which faults count, what settles a case early, and the tie-aware share of right labels.

A fault axis gives every fault and every finding a label (its culprit, its boundary, …). With n labels to find, its
value is the expected share of them among the first n findings (R-precision; with one fault, top-1). Findings that agree
in culprit and label count once, at their highest confidence: saying a thing twice earns nothing.

Only witnessed faults count. A finding that names an injected fault nobody could see is set aside: it earns nothing and
pushes nothing down.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable

from lab.contracts import Case, Diagnosis, EngineFailure, Finding, Grade, GradingOptions, Outcome, TrueFault, Verdict
from lab.files.units import time_text
from lab.judging.ranking import expected_recall

Label = Hashable
MIN_REQUESTS, MIN_RUNS = 100, 10
"""A control with fewer requests shows nothing, neither a fault nor its absence: whoever says healthy there guesses.

Where no requests come, one with fewer runs of jobs.
"""


def failed(grader: str, expected: str, answer: str, explanation: str) -> Grade:
    """A fail worth nothing."""
    return Grade(grader, Outcome.FAIL, 0.0, answer, expected, explanation)


def invisible(case: Case) -> bool:
    """True when faults were injected and none of them showed."""
    return not case.truth.is_control and not any(fault.witnessed for fault in case.truth.faults)


def unanswered(grader: str, case: Case, expected: str) -> Grade | None:
    """The grade of a case with nothing to judge: no answer, no visible fault or `unsure`. None: there is an answer.

    On a degraded control `unsure` is an answer. On another control where an alert fired nobody can judge it: the alert
    was there to be seen, and nothing to be found behind it.
    """
    if isinstance(case.answer, EngineFailure):
        return failed(grader, expected, "no answer", f"the engine failed: {case.answer.reason}")
    if invisible(case):
        why = "no injected fault had a witnessed effect; nobody is judged by what could not be seen"
        return Grade(grader, Outcome.INCONCLUSIVE, None, str(case.answer.verdict), expected, why)
    for seen, what, least in ((case.requests, "requests", MIN_REQUESTS), (case.runs, "runs of jobs", MIN_RUNS)):
        if case.truth.is_control and seen is not None and seen < least:
            why = f"only {seen} {what} were observed, expected at least {least}; nothing could show"
            return Grade(grader, Outcome.INCONCLUSIVE, None, str(case.answer.verdict), expected, why)
    if case.answer.verdict is Verdict.UNSURE and case.truth.degraded is None:
        if case.truth.is_control and case.alerts:
            why = f"an alert fired by chance ({listed(case.alerts)}); whoever is unsure of its cause is not judged"
            return Grade(grader, Outcome.INCONCLUSIVE, None, "unsure", expected, why)
        return failed(grader, expected, "unsure", "an unsure answer never passes, whatever its findings say")
    return None


def witnessed(case: Case) -> list[TrueFault]:
    """The faults that count."""
    return [fault for fault in case.truth.faults if fault.witnessed]


def considered(case: Case) -> list[Finding]:
    """The answer's findings, without those that only an unwitnessed fault would justify."""
    if not isinstance(case.answer, Diagnosis):
        return []
    unseen = {f.culprit for f in case.truth.faults} - {f.culprit for f in witnessed(case)}
    return [finding for finding in case.answer.findings if finding.culprit not in unseen]


def by_culprit(findings: Iterable[Finding]) -> dict[str, float]:
    """Every culprit named, once, with its highest confidence."""
    best: dict[str, float] = {}
    for finding in findings:
        best[finding.culprit] = max(finding.confidence, best.get(finding.culprit, 0.0))
    return best


def leading(findings: Collection[Finding], k: int) -> list[Finding]:
    """The findings that may be among the first k distinct culprits in some order of the ties, in a stable order."""
    ranked = sorted(by_culprit(findings).values(), reverse=True)
    threshold = ranked[min(k, len(ranked)) - 1] if ranked else 0.0
    kept = [finding for finding in findings if finding.confidence >= threshold]
    return sorted(kept, key=lambda f: (-f.confidence, f.culprit, f.boundary, f.kind, f.onset_s or 0.0))


def listed(texts: Iterable[str], separator: str = ", ", at_most: int = 4) -> str:
    """Distinct texts in order of appearance; a long list is cut and says so."""
    distinct = list(dict.fromkeys(texts))
    more = f" and {len(distinct) - at_most} more" if len(distinct) > at_most else ""
    return separator.join(distinct[:at_most]) + more


def judge(
    grader: str,
    case: Case,
    wanted: Iterable[tuple[str, Label]],
    label: Callable[[Finding], Label],
    *,
    expected: str,
    show: Callable[[Finding], str],
    depth: int = 1,
    note: Callable[[list[Finding]], str] = lambda _: "",
) -> Grade | None:
    """The grade of one fault axis; None on controls.

    `wanted` are the (culprit, label) pairs of the witnessed faults, `label` reads that of a finding. `depth` ranks are
    looked at, or as many as are wanted if more. `show` and `note` write the answer and what the reader should know.
    """
    if case.truth.is_control:
        return None
    early = unanswered(grader, case, expected)
    if early is not None:
        return early
    if isinstance(case.answer, Diagnosis) and case.answer.verdict is Verdict.HEALTHY:
        return failed(grader, expected, "healthy", "the engine saw no fault where one had a witnessed effect")
    findings = considered(case)
    ranked: dict[tuple[str, Label], float] = {}
    for finding in findings:
        key = (finding.culprit, label(finding))
        ranked[key] = max(finding.confidence, ranked.get(key, 0.0))
    sought = Counter(of for _, of in set(wanted))
    k = max(depth, sought.total())
    value = expected_recall([(of, confidence) for (_, of), confidence in ranked.items()], sought, k)
    top = leading(findings, k)
    words = [_in_words(float(value), len(top), k, sought.total()), note(top)]
    outcome = Outcome.PASS if value == 1 else Outcome.FAIL
    answer = listed(show(finding) for finding in top) or "nothing"
    return Grade(grader, outcome, float(value), answer, expected, "; ".join(word for word in words if word))


def _in_words(value: float, candidates: int, k: int, sought: int) -> str:
    if value == 1:
        return "right"
    if value == 0:
        return "wrong"
    if candidates > k:
        return f"expected value {value:.3f} over the orders of equally confident findings"
    return f"{value:.2f} of {sought}"


def when(at_s: float, options: GradingOptions, *, ends: bool = False) -> str:
    """A time, with the period that it lies in where people count so: `225 s`, `11d (period 12)`.

    `ends`: at which something ends, as a sample's interval does; the end of a period lies in it.
    """
    text = time_text(at_s)
    if not options.period:
        return text
    periods = at_s / options.period_s
    return f"{text} ({options.period} {math.ceil(periods - 1e-9) if ends else math.floor(periods + 1e-9) + 1})"
