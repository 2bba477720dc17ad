"""Which windows of a cause are one incident: those that touch, also in a chain."""

from __future__ import annotations

from collections.abc import Iterable

from lab.contracts import Finding
from lab.engines.rules.trace import Trial
from lab.engines.shifts import Shift

APART_INTERVALS = 6
APART_STEPS = 2.0

Named = tuple[Trial, Finding, list[Shift]]
"""An incident: the trial and the finding that speak for it, and all of its windows."""


def incidents_of(trials: Iterable[Trial], interval_s: float) -> list[Named]:
    """What the trials name, the most confident first: one for each culprit, kind and time; `interval_s` of scrapes."""
    found = [(trial, trial.finding, trial.window) for trial in trials if trial.finding and trial.window]
    found.sort(key=lambda f: (-f[1].confidence, f[1].culprit, f[1].kind, f[2].onset_s))
    incidents: list[Named] = []
    for trial, finding, window in found:
        cause = (finding.culprit, finding.kind)
        same = [one for one in incidents if (one[1].culprit, one[1].kind) == cause]
        touched = [one for one in same if not all(_apart(window, other, interval_s) for other in one[2])]
        # A window that touches several incidents joins them; the most confident finding speaks for all.
        first = touched[0] if touched else (trial, finding, [])
        first[2].extend([window, *(other for one in touched[1:] for other in one[2])])
        incidents = [one for one in incidents if one not in touched[1:]] + ([] if touched else [first])
    return incidents


def _apart(one: Shift, other: Shift, interval_s: float) -> bool:
    """Whether two windows leave time between them: the same cause at two times."""
    gap_s = max(one.onset_s, other.onset_s) - min(one.end_s, other.end_s)
    # What grows for hours fills several windows, which touch as closely as a long recording is scanned.
    coarser_s = max(0.0, max(one.step_s, other.step_s) - interval_s)
    # Just that far apart is no time between: a cause is looked for again that far from where it was found.
    return gap_s > APART_INTERVALS * interval_s + APART_STEPS * coarser_s
