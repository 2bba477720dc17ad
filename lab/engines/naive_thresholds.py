"""Floor: a fixed limit on every signal that speaks of a cause, as a page of alert rules would have it.

A script of an afternoon. Limits are for the change since the recording began, beyond what a signal wandered by then,
as who sets a limit makes sure that it does not fire at once. They know signals and kinds of elements, nothing of the
system or the time, and of each other only their order: the first that is broken is what is blamed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lab.contracts import Boundary, Diagnosis, Evidence, Finding, Verdict
from lab.registration.clock import Amount, SystemClock
from lab.registration.signals import Limit
from lab.registration.world import recorded_world
from lab.signals.catalogue import spec_of
from lab.signals.dataset_catalogue import SUBJECTS

if TYPE_CHECKING:
    from lab.recording.observed import Observed
    from lab.signals import Series
    from lab.signals.lineage import Lineage

USUAL_INTERVALS = 8
"""The usual level is the median of so many scrape intervals at the beginning; no wander of theirs breaks a limit."""
BROKEN_INTERVALS = 3
"""A limit counts as broken after so many intervals in a row."""


LIMITS = (
    Limit(2, "cpu_throttled_ratio", 0.1, "cpu-throttle", Boundary.RESOURCE),
    Limit(2, "busy_time_mean_s", 0.0003, "cpu-throttle", Boundary.RESOURCE, times=0.4),
    Limit(3, "connection_exhausted_ratio", 0.05, "pool-shrunk", Boundary.RESOURCE),
    Limit(3, "queue_shed_ratio", 0.05, "pool-shrunk", Boundary.RESOURCE),
    Limit(3, "request_transit_p50_s", 0.008, "network-latency", Boundary.NETWORK),
    Limit(3, "network_time_s", 0.006, "network-latency", Boundary.NETWORK, times=0.5),
    Limit(4, "client_timeout_ratio", 0.06, "network-partition", Boundary.NETWORK),
    Limit(4, "client_error_ratio", 0.08, "network-partition", Boundary.NETWORK),
    Limit(5, "job_last_success_age_s", 1.5, "feed-stall", Boundary.DATA, unit="periods"),
    Limit(6, "self_time_mean_s", 0.01, "slow-query", Boundary.SERVICE, times=1.0, of=("database",)),
    Limit(10, "own_error_ratio", 0.05, "cpu-throttle", Boundary.SERVICE),
)
"""Limits for every system. Their ranks leave room for those that a world registers."""


def limits_of(world: str | None) -> list[Limit]:
    """The limits for systems of a world, the one that is blamed first at the top."""
    own = recorded_world(world).limits if world else ()
    return sorted((*LIMITS, *own), key=lambda limit: limit.rank)


def diagnose(observed: Path) -> Diagnosis:
    """What the first broken limits blame, one finding per element; healthy where none is broken."""
    from lab.signals import load_recorded
    from lab.signals.lineage import Lineage

    recording, signals = load_recorded(observed)
    series = list(signals)
    found: dict[str, Finding] = {}
    clock, lineage = SystemClock.recorded(recording.system), Lineage.of(recording)
    for rank, limit in enumerate(limits_of(recording.system.get("world"))):
        for one in series:
            if one.signal != limit.signal:
                continue
            element = _blamed(one, limit, recording, lineage)
            if not element or element in found or not _fits(element, limit, recording):
                continue
            at = _broken(one, limit, clock)
            if at is not None:
                found[element] = _finding(element, one, limit, at, 0.9 ** (rank + 1))
    findings = tuple(sorted(found.values(), key=lambda f: (-f.confidence, f.culprit)))
    return Diagnosis(Verdict.FAULT if findings else Verdict.HEALTHY, findings)


def _blamed(series: Series, limit: Limit, recording: Observed, lineage: Lineage) -> str:
    """The component or link that a signal is about, or whose part it is about, or the feature table's component.

    Of a dataset, and a column of one, it is the job that writes it, or what it is read from. Of what is no element's,
    the first of the kinds that the limit is for. Empty where there is none.
    """
    subject = series.subject
    if spec_of(series.signal).subject in SUBJECTS:
        return lineage.source(subject.partition(".")[0]) if limit.blames_store else lineage.writer_of(subject)
    for element in (subject, subject.partition(".")[0]):
        known = element in recording.system["links"] or element in recording.system["components"]
        if known and not limit.blames_store:
            return element
    if limit.of and not limit.blames_store:
        components = recording.system["components"]
        return next((name for name, component in components.items() if component["kind"] in limit.of), "")
    return str(recording.reference.get("contract.json", {}).get("component", ""))


def _fits(element: str, limit: Limit, recording: Observed) -> bool:
    components = recording.system["components"]
    return not limit.of or (element in components and components[element]["kind"] in limit.of)


def _usual(series: Series) -> tuple[float, float]:
    """The usual level, and how far from it a signal went while it was usual."""
    known = series.values[~np.isnan(series.values)][:USUAL_INTERVALS]
    if not len(known):
        return 0.0, 0.0
    level = float(np.median(known))
    return level, float(np.abs(known - level).max())


def _broken(series: Series, limit: Limit, clock: SystemClock) -> int | None:
    """The interval at which the limit was broken for the first time, None where it held."""
    usual, wander = _usual(series)
    change = (series.values - usual) * np.sign(limit.by)
    allowed = Amount(abs(limit.by), limit.unit).on(clock, series.subject)
    beyond = change > allowed + limit.times * abs(usual) + wander
    for at in np.flatnonzero(beyond).tolist():
        if beyond[at : at + BROKEN_INTERVALS].sum() == BROKEN_INTERVALS:
            return int(at)
    return None


def _finding(element: str, series: Series, limit: Limit, at: int, confidence: float) -> Finding:
    step_s = float(series.times_s[0])
    observed = float(np.nanmean(series.values[at : at + BROKEN_INTERVALS]))
    evidence = Evidence(series.signal, series.subject, round(_usual(series)[0], 6), round(observed, 6))
    onset_s = max(0.0, float(series.times_s[at]) - step_s)
    return Finding(element, str(limit.boundary), limit.kind, onset_s, round(confidence, 6), (evidence,))
