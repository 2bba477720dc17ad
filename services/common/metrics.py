"""The metrics of one service on its page for Prometheus: what it declares, and nothing that the library would add."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from services.common.telemetry import Telemetry

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

# Without them: the time at which each series began, as a further metric.
prometheus_client.disable_created_metrics()


def page(collector: Collector) -> bytes:
    """The present values in Prometheus' text format."""
    return generate_latest(collector)


def durations(name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> Histogram:
    """A histogram of seconds, with the buckets of all services."""
    return Histogram(name, text, labels, buckets=BOUNDS_S, registry=registry)


def attempt_durations(registry: CollectorRegistry) -> Histogram:
    """The attempts to call others, by the component that is called and how the attempt ended."""
    return durations("client_request_duration_seconds", "Attempts to call others.", ("peer", "status"), registry)


class ReadCounter(Collector):
    """A counter whose value is read when the page is written."""

    def __init__(self, name: str, text: str, read: Callable[[], float], registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self._read = read
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The one metric."""
        yield CounterMetricFamily(self._name, self._text, value=self._read())


def count_dropped(telemetry: Telemetry, registry: CollectorRegistry) -> None:
    """Shows what telemetry of the service was lost in it."""
    text = "Spans and log events that could not be queued."
    ReadCounter("telemetry_dropped_total", text, lambda: telemetry.dropped_count, registry)
