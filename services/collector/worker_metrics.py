"""Server and queue metrics of a service without spans, from its own page: totals turned into values by interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from services.collector.pages import samples_of
from services.collector.samples import Sample
from services.collector.totals import TotalsPage, difference, quantile_s

DURATION, WAIT = "server_request_duration_seconds", "server_queue_wait_seconds"
ERRORS, SHED = "server_error_total", "server_queue_shed_total"
GAUGES = {"server_worker_count": "server.worker.count", "server_queue_length": "server.queue.length"}
"""By name on the page, the metrics whose present values are recorded."""


@dataclass(frozen=True)
class Totals:
    """What a page says: totals by name, cumulated buckets of durations (s), gauges by metric."""

    sums: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    buckets: dict[float, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)


def read(text: str) -> Totals:
    """The totals of a page in Prometheus' text format."""
    found = Totals()
    for sample in samples_of(text, DURATION, WAIT, ERRORS, SHED, *GAUGES):
        if sample.name == f"{DURATION}_bucket":
            found.buckets[float(sample.labels["le"])] = sample.value
        elif sample.name in GAUGES:
            found.gauges[GAUGES[sample.name]] = sample.value
        else:
            found.sums[sample.name] += sample.value
    return found


def samples(component: str, before: Totals, now: Totals) -> Iterator[Sample]:
    """The metrics of an interval, by the names of the recording; all that there is where it has started anew since."""
    if any(now.sums[name] < total for name, total in before.sums.items()):
        before = Totals()
    grown = {name: now.sums[name] - before.sums[name] for name in (*now.sums, ERRORS, SHED)}
    count, waited = grown.get(f"{DURATION}_count", 0.0), grown.get(f"{WAIT}_count", 0.0)
    yield component, "server.request.count", count
    yield component, "server.error.count", grown[ERRORS]
    if count:
        yield component, "server.request.duration.mean", grown[f"{DURATION}_sum"] / count
        buckets = difference(now.buckets, before.buckets)
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            yield component, f"server.request.duration.{name}", quantile_s(buckets, share)
    for metric, value in now.gauges.items():
        yield component, metric, value
    yield component, "server.queue.shed.count", grown[SHED]
    if waited:
        yield component, "server.queue.wait_time.mean", grown[f"{WAIT}_sum"] / waited


class WorkerMetrics:
    """Scrapes one service."""

    def __init__(self, component: str, url: str) -> None:
        self._component = component
        self._page = TotalsPage(url, read)

    async def sample(self, session: aiohttp.ClientSession, interval: int) -> list[Sample]:
        """What was served in the interval of this number; nothing where the scrape before it failed or never was."""
        pages = await self._page.scrape(session, interval)
        return list(samples(self._component, *pages)) if pages else []
