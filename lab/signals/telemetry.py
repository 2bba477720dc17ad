"""Signals from metrics: per link and per component."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lab.recording.observed import Observed
from lab.recording.slis import Samples, computed, job_age, job_failures
from lab.registration.known import slis_of
from lab.registration.slis import CORE_SLIS, ERROR_RATIO, JOB_AGE_PERIODS, JOB_FAILURE_RATIO, LATENCY_P95_S
from lab.registration.world import recorded_world
from lab.signals import Series, jobs
from lab.signals.catalogue import slis_as_signals
from lab.signals.columns import Grid, Metrics, ratio, recent_mean
from lab.signals.pools import exhausted, shed

EXPIRY_INTERVALS = 6


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module."""
    yield from _slis(observed, grid)
    for link in observed.system["links"]:
        yield from _link(link, metrics, grid)
    for name, component in observed.system["components"].items():
        if component["kind"] not in ("users", "job"):
            yield from _component(name, observed, metrics, grid)
    for component, metric, peer, attribute in metrics:
        if metric == "fallback.count":
            used = metrics.get(component, metric, peer, attribute)
            handled = metrics.get(component, "server.request.count")
            yield grid.series("fallback_ratio", f"{component}.{attribute}", ratio(used, handled))
        elif metric == "cache.hit.count":
            hits = metrics.get(component, metric)
            total = hits + metrics.get(component, "cache.miss.count")
            yield grid.series("cache_hit_ratio", component, ratio(hits, total))
        elif metric == "cache.expired.count":
            # Entries that were written together expire together: the rate is steady over some intervals only.
            rate = recent_mean(metrics.get(component, metric) / grid.interval_s, EXPIRY_INTERVALS)
            yield grid.series("cache_expiry_rate_per_s", component, rate)
        elif metric in jobs.SIGNALS:
            yield jobs.series_of(component, metric, metrics, grid)
        elif metric == "system.pressure.stalled.ratio" and attribute.endswith(".some"):
            subject = f"{component}.{attribute.removesuffix('.some')}"
            yield grid.series("pressure_stall_ratio", subject, metrics.get(component, metric, attribute=attribute))
        elif metric == "system.cpu.steal.ratio":
            yield grid.series("cpu_steal_ratio", component, metrics.get(component, metric))


def _slis(observed: Observed, grid: Grid) -> Iterator[Series]:
    """SLIs: errors and latency of the users' requests, and what else the system has an SLO on; of jobs, each by job."""
    users, entry = observed.system["users"], observed.system["entry"]
    samples = Samples.recorded(observed.metrics, observed.system)
    wanted = {ERROR_RATIO, LATENCY_P95_S, *(slo["sli"] for slo in observed.system["slos"])}
    for sli in CORE_SLIS:
        if sli.name in wanted and sli.needs == "users" and users is not None:
            yield grid.series(sli.name, f"{users}->{entry}", grid.at_ends(*computed(sli, samples).known()))
    world = observed.system["world"]
    for name in slis_as_signals(recorded_world(world)) if world is not None else ():
        if name in wanted:
            level = computed(slis_of(world)[name], samples)
            yield grid.series(name, str(entry or observed.system["name"]), grid.at_ends(*level.known()))
    for name, of_job in ((JOB_AGE_PERIODS, job_age), (JOB_FAILURE_RATIO, job_failures)):
        for job in samples.periods_s if name in wanted else ():
            yield grid.series(name, job, grid.at_ends(*of_job(samples, job).known()))


def _link(link: str, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    caller, callee = link.split("->")
    requests = metrics.get(caller, "client.request.count", callee)
    p50 = metrics.get(caller, "client.request.duration.p50", callee)
    yield grid.series("client_error_ratio", link, ratio(metrics.get(caller, "client.error.count", callee), requests))
    yield grid.series(
        "client_timeout_ratio", link, ratio(metrics.get(caller, "client.timeout.count", callee), requests)
    )
    yield grid.series("client_duration_p50_s", link, p50)
    sent = metrics.get(caller, "messaging.client.sent.messages", callee)
    yield grid.series("message_rate_per_s", link, sent / grid.interval_s)


def _component(name: str, observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    requests = metrics.get(name, "server.request.count")
    callers = [link.split("->")[0] for link in observed.system["links"] if link.endswith(f"->{name}")]
    # A caller whose sample is missing makes the sum unknown; it does not mean that it made no calls.
    sent = (metrics.get(caller, "client.request.count", name) - exhausted(metrics, caller, name) for caller in callers)
    arrived = requests + shed(metrics, name)
    yield grid.series("arrival_ratio", name, ratio(arrived, sum(sent, np.zeros(grid.count))))
    yield grid.series("server_error_ratio", name, ratio(metrics.get(name, "server.error.count"), requests))
    yield grid.series("server_duration_p50_s", name, metrics.get(name, "server.request.duration.p50"))
    yield grid.series("cpu_utilization_ratio", name, metrics.get(name, "process.cpu.utilization"))
    yield grid.series("cpu_throttled_ratio", name, metrics.get(name, "process.cpu.throttled.ratio"))
    yield grid.series("request_rate_per_s", name, requests / grid.interval_s)
    workers = observed.system["components"][name]["workers"]
    busy_s = metrics.get(name, "process.cpu.utilization") * workers * grid.real_interval_s
    yield grid.series("busy_time_mean_s", name, ratio(busy_s, requests))
    elsewhere = np.zeros(grid.count)
    for link in observed.system["links"]:
        caller, callee = link.split("->")
        if caller == name:
            count = metrics.get(name, "client.request.count", callee)
            spent = count * metrics.get(name, "client.request.duration.mean", callee)
            elsewhere += np.where(count > 0, np.nan_to_num(spent), 0.0)
    total = requests * metrics.get(name, "server.request.duration.mean")
    yield grid.series("self_time_mean_s", name, ratio(np.maximum(total - elsewhere, 0.0), requests))
