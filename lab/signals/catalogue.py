"""The signal catalogue: name, unit, what the subject is, and how the signal is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lab.systems.observability import Observability


class SignalSpec(NamedTuple):
    """One signal. `subject`: link, component, column, job, `component.fallback`, or the host under all components.

    `level` is the least level of observability at which a recording has what it is computed from. `events`: it counts
    log lines, so where it could be seen and is not there, there were none.
    """

    unit: str
    subject: str
    doc: str
    level: Observability = "poor"
    events: bool = False


CATALOGUE: Mapping[str, SignalSpec] = {
    "error_ratio": SignalSpec("ratio", "entry link", "requests of users that failed, of all"),
    "latency_p95_s": SignalSpec("s", "entry link", "95th percentile of what users waited"),
    "click_through_ratio": SignalSpec(
        "ratio", "component", "shown items that were clicked, by time shown, closed label windows", level="usual"
    ),
    "client_error_ratio": SignalSpec("ratio", "link", "attempts over the link that failed, seen by the caller"),
    "client_timeout_ratio": SignalSpec("ratio", "link", "attempts over the link that timed out", level="usual"),
    "client_duration_p50_s": SignalSpec("s", "link", "median duration of attempts, seen by the caller"),
    "answered_duration_p50_s": SignalSpec(
        "s", "link", "median duration of attempts that were answered, from client spans"
    ),
    "network_time_s": SignalSpec("s", "link", "the same minus the callee's median: time outside the callee"),
    "request_transit_p50_s": SignalSpec(
        "s", "link", "median time from the call to its start at the callee, answered or not"
    ),
    "arrival_ratio": SignalSpec("ratio", "component", "requests the component handled, of attempts its callers made"),
    "server_error_ratio": SignalSpec(
        "ratio", "component", "requests the component answered with an error of any cause"
    ),
    "own_error_ratio": SignalSpec(
        "ratio", "component", "requests that failed in the component itself, from its server spans"
    ),
    "server_duration_p50_s": SignalSpec("s", "component", "median time from arrival to answer"),
    "self_time_mean_s": SignalSpec(
        "s", "component", "mean time in the component itself: handling minus calls to others"
    ),
    "cpu_utilization_ratio": SignalSpec("ratio", "component", "busy share of its workers"),
    "cpu_throttled_ratio": SignalSpec("ratio", "component", "share of busy time spent waiting for CPU quota"),
    "busy_time_mean_s": SignalSpec(
        "s", "component", "worker time per request: busy share times workers over request rate"
    ),
    "pressure_stall_ratio": SignalSpec(
        "ratio",
        "`host.` and a resource",
        "share of the time in which some task waited for the host's `cpu`, `memory` or `io`, if its kernel reports it",
    ),
    "cpu_steal_ratio": SignalSpec(
        "ratio", "host", "share of the host's CPU time that its hypervisor gave to others, where that is reported"
    ),
    "request_rate_per_s": SignalSpec("1/s", "component", "requests handled per second"),
    "fallback_ratio": SignalSpec(
        "ratio", "component.fallback", "requests for which the named fallback was used", level="usual"
    ),
    "cache_hit_ratio": SignalSpec("ratio", "component", "look-ups answered from the cache"),
    "cache_expiry_rate_per_s": SignalSpec(
        "1/s", "component", "entries per second that came to the end of their time to live, over 30 s"
    ),
    "contract_violation_ratio": SignalSpec(
        "ratio",
        "component",
        "requests for which the component logged a row that breaks the feature contract",
        events=True,
    ),
    "job_last_success_age_s": SignalSpec("s", "job", "time since the job last succeeded"),
    "row_age_mean_s": SignalSpec(
        "s", "component", "mean age of database rows served by way of this component", level="usual"
    ),
    "entry_age_p95_s": SignalSpec("s", "component", "95th percentile of the age of cache entries served", level="rich"),
    "feature_drift_psi": SignalSpec(
        "1",
        "column",
        "population stability index of served values (15 s; at low load up to 60 s) against the training sample",
        level="usual",
    ),
    "feature_drift_ks": SignalSpec(
        "ratio", "column", "largest distance of the cumulative shares, same windows and deciles", level="usual"
    ),
    "feature_out_of_range_ratio": SignalSpec(
        "ratio",
        "column",
        "rows whose value lies more than a tenth beyond the training sample's lowest or highest",
        level="usual",
    ),
    "feature_null_ratio": SignalSpec("ratio", "column", "rows served with a null in the column", level="usual"),
    "feature_violation_ratio": SignalSpec(
        "ratio", "column", "rows that broke the feature contract at the column, from logs", level="rich", events=True
    ),
    "prediction_mean": SignalSpec(
        "ratio", "component", "mean predicted click probability of items shown", level="usual"
    ),
    "calibration_ratio": SignalSpec("ratio", "component", "click-through over mean prediction, 30 s", level="usual"),
    "model_auc_deficit": SignalSpec(
        "1",
        "component",
        "AUC of the version serving at the start minus that of the serving one, re-scored on the same rows (30 s)",
        level="usual",
    ),
    "model_score_ratio": SignalSpec(
        "1",
        "component",
        "mean score of the serving version over that of the version serving at the start, on the same rows",
        level="usual",
    ),
    "rescore_error": SignalSpec(
        "ratio",
        "component",
        "mean distance of logged scores from the registered model's on the same inputs",
        level="usual",
    ),
}
