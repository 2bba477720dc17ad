"""Which model versions had been published at a time: the registry of a recording lists versions without their times.

Versions are numbered in the order in which they are published, and one is loaded when it is published. So whatever
shows a version at work shows that it and all before it had been published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lab.clock import NS
from lab.recording.arrow import coded, mask_array, numbers
from lab.recording.observed import Observed

LOADED_VERSION = r"servable version (\d+)"
"""What the line of `version_loaded` says of the version, as a regular expression."""


class _Sight(NamedTuple):
    """A version at work, and the last version that had been published `before`, as far as this shows."""

    time_ns: float
    version: int
    before: int


def published(observed: Observed, at_s: float, registry: list[Any]) -> list[Any]:
    """The entries of a registry that had been published at a time."""
    versions = published_by(observed, at_s, [entry["version"] for entry in registry])
    return [entry for entry in registry if entry["version"] in versions]


def published_by(observed: Observed, at_s: float, versions: Iterable[int]) -> frozenset[int]:
    """Those of the versions that had been published at `at_s`.

    Up to the highest version seen at work by then. Before any was seen, what is seen first decides: a version that
    answers or is measured was there already, one that is loaded was not. Where none is ever seen, all were there.
    """
    at_ns = np.rint(at_s * NS)
    sights = [sight for source in _sources(observed) for sight in source]
    by_then = [sight.version for sight in sights if sight.time_ns <= at_ns]
    if not sights:
        return frozenset(versions)
    last = max(by_then) if by_then else min(sights, key=lambda sight: (sight.time_ns, sight.before)).before
    return frozenset(version for version in versions if version <= last)


def _sources(observed: Observed) -> Iterator[Iterator[_Sight]]:
    yield _loads(observed)
    if "metrics" in observed.tables:
        metrics = observed.tables["metrics"]
        gauges = metrics.filter(mask_array(coded(metrics["metric"]).is_any(["model.version"])))
        yield _firsts(gauges["time_s"], gauges["value"])
    predictions = observed.tables.get("predictions")
    if predictions is not None and {"time_s", "model_version"} <= set(predictions.column_names):
        yield _firsts(predictions["time_s"], predictions["model_version"])


def _loads(observed: Observed) -> Iterator[_Sight]:
    """Log lines that say which version was loaded."""
    if "logs" not in observed.tables:
        return
    logs = observed.tables["logs"]
    lines = logs.filter(mask_array(coded(logs["event.name"]).is_any(["version_loaded"])))
    for time_s, body in zip(lines["time_s"].to_pylist(), lines["body"].to_pylist(), strict=True):
        found = re.search(LOADED_VERSION, body)
        if found:
            yield _Sight(np.rint(time_s * NS), int(found[1]), int(found[1]) - 1)


def _firsts(times_s: Any, versions: Any) -> Iterator[_Sight]:
    """The first time of each version that served."""
    times_ns, served = np.rint(numbers(times_s) * NS), numbers(versions)
    for version in np.unique(served[served > 0]).tolist():
        yield _Sight(float(times_ns[served == version].min()), int(version), int(version))
