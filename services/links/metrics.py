"""The proxy's own metrics, read from its links whenever the page is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .faults import DIRECTIONS, FAULTS
from .link import Link
from .proxy import Proxy

_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]
_PER_LINK: tuple[tuple[_Family, str, str, Callable[[Link], int]], ...] = (
    (GaugeMetricFamily, "links_connections_active", "Open connections.", lambda link: len(link.connections)),
    (CounterMetricFamily, "links_connections_total", "Connections accepted.", lambda link: link.stats.connections),
    (CounterMetricFamily, "links_resets_total", "Connections ended with a reset.", lambda link: link.stats.resets),
    (
        CounterMetricFamily, "links_upstream_errors_total", "Upstream not reached.",
        lambda link: link.stats.upstream_errors,
    ),
)  # fmt: skip


class ProxyMetrics(Collector):
    """The metrics of one proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def collect(self) -> Iterator[Metric]:
        """The present values of all metrics."""
        links = self._proxy.links.values()
        for kind, name, text, value in _PER_LINK:
            family = kind(name, text, labels=("link",))
            for link in links:
                family.add_metric((link.name,), value(link))
            yield family
        passed = CounterMetricFamily("links_bytes_total", "Bytes passed on.", labels=("link", "direction"))
        active = GaugeMetricFamily("links_fault_active", "1 while a fault is active.", labels=("link", "fault"))
        for link in links:
            for direction in DIRECTIONS:
                passed.add_metric((link.name, direction), link.traffic[direction].bytes)
            for fault in FAULTS:
                active.add_metric((link.name, fault), int(fault in link.faults))
        yield from (passed, active)
        text = "Faults reverted because they were not renewed."
        yield CounterMetricFamily("links_leases_expired_total", text, value=self._proxy.expired_count)
