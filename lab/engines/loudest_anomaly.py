"""Floor: blames the element that moved most, like a dashboard sorted by z-score; no causal reasoning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.contracts import Boundary, Diagnosis, Evidence, Finding, Verdict

if TYPE_CHECKING:
    from lab.signals import Series
    from lab.signals.lineage import Lineage

ALARM_Z = 12.0
"""Below this standardised change nothing is called an anomaly: the scan's maximum on quiet recordings is lower."""

_GUESS: dict[str, tuple[Boundary, str]] = {
    "link": (Boundary.NETWORK, "network-partition"),
    "model": (Boundary.MODEL, "model-regression"),
    "database": (Boundary.DATA, "schema-corruption"),
    "cache": (Boundary.INTEGRATION, "stale-cache"),
    "job": (Boundary.DATA, "feed-stall"),
}


def diagnose(observed: Path) -> Diagnosis:
    """Elements ranked by the largest standardised shift of any of their signals."""
    from lab.engines.shifts import Shift, scan
    from lab.signals import load_recorded
    from lab.signals.lineage import Lineage
    from lab.signals.windows import levels

    recording, signals = load_recorded(observed)
    loudest: dict[str, Shift] = {}
    lineage = Lineage.of(recording)
    for series in signals:
        element = _element(series, recording.system, recording.reference, lineage)
        shift = scan(series, 1e-3)
        if element and shift and abs(shift.z) > abs(loudest[element].z if element in loudest else ALARM_Z):
            pair = levels(series.times_s, series.values, (shift.onset_s, shift.end_s))
            loudest[element] = replace(shift, baseline=pair.before, observed=pair.during) if pair else shift
    if not loudest:
        return Diagnosis(Verdict.HEALTHY)
    ranked = sorted(loudest.items(), key=lambda item: (-abs(item[1].z), item[0]))
    top = abs(ranked[0][1].z)
    return Diagnosis(
        Verdict.FAULT,
        tuple(_finding(element, shift, abs(shift.z) / top, recording.system) for element, shift in ranked),
    )


def _element(series: Series, system: Any, reference: Any, lineage: Lineage) -> str:
    """The element that a signal is about: a column's is the table's component, a dataset's the job that writes it.

    The host under all of them is none.
    """
    from lab.signals.catalogue import spec_of
    from lab.signals.dataset_catalogue import SUBJECTS

    subject, owner = series.subject, series.subject.partition(".")[0]
    if spec_of(series.signal).subject in SUBJECTS:
        return lineage.writer_of(subject)
    if subject in system["links"] or subject in system["components"]:
        return subject
    if spec_of(series.signal).subject == "column":
        return str(reference.get("contract.json", {}).get("component", ""))
    return owner if owner in system["components"] else ""


def _finding(element: str, shift: Any, confidence: float, system: Any) -> Finding:
    kind = "link" if element in system["links"] else system["components"][element]["kind"]
    boundary, guess = _GUESS.get(kind, (Boundary.RESOURCE, "cpu-throttle"))
    evidence = Evidence(shift.signal, shift.subject, round(shift.baseline, 6), round(shift.observed, 6))
    return Finding(element, str(boundary), guess, max(0.0, shift.onset_s), round(confidence, 6), (evidence,))
