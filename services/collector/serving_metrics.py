"""The model's requests by TensorFlow Serving's own metrics: sums since it started, turned into values by interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from services.collector.pages import samples_of
from services.collector.samples import Sample
from services.collector.totals import TotalsPage, difference, quantile_s
from services.common.serving import REQUEST_COUNT, REQUEST_LATENCY

US = 1e-6


@dataclass(frozen=True)
class Sums:
    """What the page says: requests by status, latencies of good ones as count, sum (s) and cumulated buckets (s)."""

    requests: Mapping[str, float] = field(default_factory=dict)
    latency_count: float = 0.0
    latency_sum_s: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)

    def since(self, before: Sums) -> Sums:
        """The difference; all of it where the server has started anew since."""
        if sum(self.requests.values()) < sum(before.requests.values()):
            return self
        return Sums(
            {status: count - before.requests.get(status, 0.0) for status, count in self.requests.items()},
            self.latency_count - before.latency_count,
            self.latency_sum_s - before.latency_sum_s,
            difference(self.buckets, before.buckets),
        )


def read(text: str) -> Sums:
    """The sums of a page in Prometheus' text format, over all models and entry points; latencies there are in µs."""
    requests: defaultdict[str, float] = defaultdict(float)
    buckets: defaultdict[float, float] = defaultdict(float)
    count = total_us = 0.0
    for sample in samples_of(text, REQUEST_COUNT, REQUEST_LATENCY):
        if sample.name == REQUEST_COUNT:
            requests[sample.labels["status"]] += sample.value
        elif sample.name == f"{REQUEST_LATENCY}_bucket":
            buckets[float(sample.labels["le"]) * US] += sample.value
        elif sample.name == f"{REQUEST_LATENCY}_count":
            count += sample.value
        elif sample.name == f"{REQUEST_LATENCY}_sum":
            total_us += sample.value
    return Sums(dict(requests), count, total_us * US, dict(sorted(buckets.items())))


def samples(component: str, sums: Sums) -> list[Sample]:
    """The server metrics of an interval, by the names of the recording."""
    count = sum(sums.requests.values())
    found = [
        (component, "server.request.count", count),
        (component, "server.error.count", count - sums.requests.get("OK", 0.0)),
    ]
    if sums.latency_count > 0:
        found.append((component, "server.request.duration.mean", sums.latency_sum_s / sums.latency_count))
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            found.append((component, f"server.request.duration.{name}", quantile_s(sums.buckets, share)))
    return found


class ServingMetrics:
    """Scrapes one server. Without an address it gives nothing: the lab's own server sends spans instead."""

    def __init__(self, component: str, url: str) -> None:
        self._component = component
        self._page = TotalsPage(url, read) if url else None

    async def sample(self, session: aiohttp.ClientSession, interval: int) -> list[Sample]:
        """What was served in the interval of this number; nothing where the scrape before it failed or never was."""
        pages = await self._page.scrape(session, interval) if self._page else None
        return samples(self._component, pages[1].since(pages[0])) if pages else []
