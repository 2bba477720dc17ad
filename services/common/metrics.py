"""A registry of counters, gauges and histograms, rendered as Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Registry:
    """Metrics by name and labels. Names end in their unit; labels are given as keywords, in a fixed order."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str]] = {}
        self._values: dict[str, dict[str, float]] = {}
        self._buckets: dict[tuple[str, str], list[float]] = {}
        self._read: dict[str, Callable[[], float]] = {}

    def declare(self, name: str, kind: str, doc: str, read: Callable[[], float] | None = None) -> None:
        """Adds a metric: `kind` is counter, gauge or histogram; `read` gives its value when it is scraped."""
        self._families[name] = (kind, doc)
        self._values[name] = {}
        if read:
            self._read[name] = read

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Counts."""
        series = self._values[name]
        key = _labels(labels)
        series[key] = series.get(key, 0.0) + value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Adds a duration to a histogram."""
        key = _labels(labels)
        buckets = self._buckets.setdefault((name, key), [0.0] * (len(BOUNDS_S) + 1))
        buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.add(name, seconds, **labels)

    def render(self) -> str:
        """The present values."""
        lines: list[str] = []
        for name, (kind, doc) in self._families.items():
            lines += [f"# HELP {name} {doc}", f"# TYPE {name} {kind}"]
            if name in self._read:
                lines.append(f"{name} {self._read[name]():.9g}")
            for labels, value in self._values[name].items():
                if kind == "histogram":
                    lines += self._histogram(name, labels, value)
                else:
                    lines.append(f"{name}{_braced(labels)} {value:.9g}")
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str, labels: str, total: float) -> list[str]:
        lines, count = [], 0.0
        for bound, bucket in zip((*map(str, BOUNDS_S), "+Inf"), self._buckets[name, labels], strict=True):
            count += bucket
            lines.append(f"{name}_bucket{_braced(labels, le=bound)} {count:.9g}")
        return [*lines, f"{name}_sum{_braced(labels)} {total:.9g}", f"{name}_count{_braced(labels)} {count:.9g}"]


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{key}="{value}"' for key, value in labels.items())


def _braced(labels: str, **more: str) -> str:
    every = ",".join(filter(None, (labels, _labels(more))))
    return f"{{{every}}}" if every else ""
