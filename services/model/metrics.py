"""TF Serving's own request metrics, by its names. Latencies are in microseconds.

prometheus-client counts; the page is written here, as TF Serving writes its own: a counter's name does not end in
`_total`, there is no text of help, and a bucket's bound has six digits.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.samples import Sample

from services.common.serving import REQUEST_COUNT, REQUEST_LATENCY

PATH = "/monitoring/prometheus/metrics"
# TF Serving's buckets: 33 bounds from 10 µs, each 1.8 times the one before, up to about 25 minutes.
BOUNDS_US = tuple(10 * 1.8**i for i in range(33))

disable_created_metrics()


class Metrics:
    """Counts predictions; safe to use from several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(REQUEST_COUNT, "", ("model_name", "status"), registry=self._registry)
        labels = ("model_name", "API", "entrypoint")
        self._latencies = Histogram(REQUEST_LATENCY, "", labels, buckets=BOUNDS_US, registry=self._registry)

    def record(self, model_name: str, api: str, entrypoint: str, status: str, latency_us: float) -> None:
        """One request that ended. As in TF Serving, only those that went well enter the latencies."""
        self._requests.labels(model_name, status).inc()
        if status == "OK":
            self._latencies.labels(model_name, api, entrypoint).observe(latency_us)

    def render(self) -> str:
        """The present values."""
        lines = []
        for metric in self._registry.collect():
            lines.append(f"# TYPE {metric.name} {metric.type}")
            lines += [_line(sample) for sample in metric.samples]
        return "\n".join(lines) + "\n"


def _line(sample: Sample) -> str:
    labels = dict(sample.labels)
    if labels.get("le", "+Inf") != "+Inf":
        labels["le"] = f"{float(labels['le']):g}"
    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{sample.name.removesuffix('_total')}{{{text}}} {sample.value:.10g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
