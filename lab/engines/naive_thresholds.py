"""Floor: a fixed limit on every signal that speaks of a cause, as a page of alert rules would have it.

A script of an afternoon. Limits are for the change since the recording began. They know signals and kinds of elements,
nothing of the system or the time, and of each other only their order: the first that is broken is what is blamed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lab.contracts import Boundary, Diagnosis, Evidence, Finding, Verdict

if TYPE_CHECKING:
    from lab.recording.observed import Observed
    from lab.signals import Series

USUAL_INTERVALS = 8
"""The usual level is the median of so many scrape intervals at the beginning."""
BROKEN_INTERVALS = 3
"""A limit counts as broken after so many intervals in a row."""


class Limit(NamedTuple):
    """How far a signal may go from its usual level: `by` in its unit plus `times` that level; below where negative."""

    signal: str
    by: float
    times: float
    kind: str
    boundary: Boundary
    of: tuple[str, ...] = ()  # kinds of elements, all where none is given


LIMITS = (
    Limit("contract_violation_ratio", 0.03, 0, "schema-corruption", Boundary.DATA),
    Limit("feature_violation_ratio", 0.03, 0, "schema-corruption", Boundary.DATA),
    Limit("feature_null_ratio", 0.04, 0, "schema-corruption", Boundary.DATA),
    Limit("cpu_throttled_ratio", 0.1, 0, "cpu-throttle", Boundary.RESOURCE),
    Limit("busy_time_mean_s", 0.0003, 0.4, "cpu-throttle", Boundary.RESOURCE),
    Limit("request_transit_p50_s", 0.008, 0, "network-latency", Boundary.NETWORK),
    Limit("network_time_s", 0.006, 0.5, "network-latency", Boundary.NETWORK),
    Limit("client_timeout_ratio", 0.06, 0, "network-partition", Boundary.NETWORK),
    Limit("client_error_ratio", 0.08, 0, "network-partition", Boundary.NETWORK),
    Limit("job_last_success_age_s", 15.0, 0, "feed-stall", Boundary.DATA),
    Limit("feature_out_of_range_ratio", 0.06, 0, "schema-corruption", Boundary.DATA),
    Limit("model_score_ratio", -0.2, 0, "model-regression", Boundary.MODEL),
    Limit("model_score_ratio", 0.25, 0, "model-regression", Boundary.MODEL),
    Limit("model_auc_deficit", 0.04, 0, "model-regression", Boundary.MODEL),
    Limit("entry_age_p95_s", 10.0, 0, "stale-cache", Boundary.INTEGRATION),
    Limit("row_age_mean_s", 12.0, 0, "stale-cache", Boundary.INTEGRATION, ("cache",)),
    Limit("row_age_mean_s", 12.0, 0, "feed-stall", Boundary.DATA, ("job",)),
    Limit("feature_drift_psi", 0.5, 0, "schema-corruption", Boundary.DATA),
    Limit("own_error_ratio", 0.05, 0, "cpu-throttle", Boundary.SERVICE),
)


def diagnose(observed: Path) -> Diagnosis:
    """What the first broken limits blame, one finding per element; healthy where none is broken."""
    from lab.signals import load_recorded

    recording, signals = load_recorded(observed)
    series = list(signals)
    found: dict[str, Finding] = {}
    for rank, limit in enumerate(LIMITS):
        for one in series:
            element = _blamed(one.subject, limit, recording)
            if one.signal != limit.signal or element in found or not _fits(element, limit, recording):
                continue
            at = _broken(one, limit)
            if at is not None:
                found[element] = _finding(element, one, limit, at, 0.9 ** (rank + 1))
    findings = tuple(sorted(found.values(), key=lambda f: (-f.confidence, f.culprit)))
    return Diagnosis(Verdict.FAULT if findings else Verdict.HEALTHY, findings)


def _blamed(subject: str, limit: Limit, recording: Observed) -> str:
    """The component or link that a signal is about; the feature table's component for columns and for broken rows."""
    known = subject in recording.system["links"] or subject in recording.system["components"]
    if known and limit.kind != "schema-corruption":
        return subject
    return str(recording.reference.get("contract.json", {}).get("component", ""))


def _fits(element: str, limit: Limit, recording: Observed) -> bool:
    components = recording.system["components"]
    return not limit.of or (element in components and components[element]["kind"] in limit.of)


def _usual(series: Series) -> float:
    known = series.values[~np.isnan(series.values)][:USUAL_INTERVALS]
    return float(np.median(known)) if len(known) else 0.0


def _broken(series: Series, limit: Limit) -> int | None:
    """The interval at which the limit was broken for the first time, None where it held."""
    usual = _usual(series)
    change = (series.values - usual) * np.sign(limit.by)
    beyond = change > abs(limit.by) + limit.times * abs(usual)
    for at in np.flatnonzero(beyond).tolist():
        if beyond[at : at + BROKEN_INTERVALS].sum() == BROKEN_INTERVALS:
            return int(at)
    return None


def _finding(element: str, series: Series, limit: Limit, at: int, confidence: float) -> Finding:
    step_s = float(series.times_s[0])
    observed = float(np.nanmean(series.values[at : at + BROKEN_INTERVALS]))
    evidence = Evidence(series.signal, series.subject, round(_usual(series), 6), round(observed, 6))
    onset_s = max(0.0, float(series.times_s[at]) - step_s)
    return Finding(element, str(limit.boundary), limit.kind, onset_s, round(confidence, 6), (evidence,))
