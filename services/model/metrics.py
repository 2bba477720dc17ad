"""TF Serving's own request metrics, by its names, in Prometheus text format. Latencies are in microseconds."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

PATH = "/monitoring/prometheus/metrics"
COUNT = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"
# TF Serving's buckets: 33 bounds from 10 µs, each 1.8 times the one before, up to about 25 minutes.
BOUNDS_US = tuple(10 * 1.8**i for i in range(33))


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_US) + 1))
    sum_us: float = 0.0


class Metrics:
    """Counts predictions; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._latencies: defaultdict[tuple[str, str, str], _Histogram] = defaultdict(_Histogram)

    def record(self, model_name: str, api: str, entrypoint: str, status: str, latency_us: float) -> None:
        """One request that ended. As in TF Serving, only those that went well enter the latencies."""
        with self._lock:
            self._requests[model_name, status] += 1
            if status == "OK":
                histogram = self._latencies[model_name, api, entrypoint]
                histogram.counts[bisect_left(BOUNDS_US, latency_us)] += 1
                histogram.sum_us += latency_us

    def render(self) -> str:
        """The present values."""
        lines = [f"# TYPE {COUNT} counter"]
        with self._lock:
            for (model_name, status), count in sorted(self._requests.items()):
                lines.append(f"{COUNT}{{{_labels(model_name=model_name, status=status)}}} {count}")
            lines.append(f"# TYPE {LATENCY} histogram")
            for (model_name, api, entrypoint), histogram in sorted(self._latencies.items()):
                labels = _labels(model_name=model_name, API=api, entrypoint=entrypoint)
                total = 0
                for bound, count in zip((*BOUNDS_US, None), histogram.counts, strict=True):
                    total += count
                    limit = "+Inf" if bound is None else f"{bound:g}"
                    lines.append(f'{LATENCY}_bucket{{{labels},le="{limit}"}} {total}')
                lines.append(f"{LATENCY}_sum{{{labels}}} {histogram.sum_us:.10g}")
                lines.append(f"{LATENCY}_count{{{labels}}} {total}")
        return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
