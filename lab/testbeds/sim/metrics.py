"""Metrics of a run: counts and durations by interval from the span sides, gauges from the scrapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS, to_ns
from lab.recording.status import MISS, OK, TIMEOUT
from lab.streams import Streams
from lab.testbeds.sim.recorder import CLIENT, CLIENT_FINAL, SERVER
from lab.testbeds.sim.state import SystemState

Array = npt.NDArray[Any]
Series = tuple[str, str, str, str, Array]
"""(component, metric, peer, attribute, value per interval; NaN for no value)"""


def edges_ns(state: SystemState, span_ns: tuple[int, int]) -> Array:
    """Edges of the scrape intervals that lie in the scenario, in testbed ns."""
    start_ns, end_ns = span_ns
    interval = to_ns(state.system.scrape_interval_s)
    return np.arange(start_ns, end_ns + 1, interval)


def columns(
    sides: Array, samples: list[tuple[int, str, str, str, float]], clicks: list[tuple[str, str, str, Array]],
    state: SystemState, span_ns: tuple[int, int], streams: Streams,
) -> dict[str, Any]:  # fmt: skip
    """The metrics table as columns, without the scrapes that went missing."""
    edges = edges_ns(state, span_ns)
    count = len(edges) - 1
    interval = edges[1] - edges[0]
    bins = ((sides["end_ns"] - edges[0]) // interval).astype(np.int64)
    sides, bins = sides[bins < count], bins[bins < count]
    series: list[Series] = [*_client(sides, bins, count, state), *_server(sides, bins, count, state)]
    series += [*_jobs(sides, bins, edges, state)]
    series += [(component, metric, "", attribute, values) for component, metric, attribute, values in clicks]
    series += _gauges(samples, edges)
    missing = _missing(state, streams, count)
    parts: dict[str, list[Any]] = {
        "time_s": [],
        "service.name": [],
        "metric": [],
        "peer.service": [],
        "attribute": [],
        "value": [],
    }
    ends_s = (edges[1:] - edges[0]) / NS
    for component, metric, peer, attribute, values in series:
        kept = ~np.isnan(values) & ~missing[component]
        size = int(kept.sum())
        parts["time_s"].append(ends_s[kept])
        parts["value"].append(values[kept])
        for name, text in (
            ("service.name", component),
            ("metric", metric),
            ("peer.service", peer),
            ("attribute", attribute),
        ):
            parts[name].append(np.full(size, text or None, dtype=object))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _missing(state: SystemState, streams: Streams, count: int) -> dict[str, Array]:
    """Scrapes that failed, by component."""
    ratio = state.system.missing_sample_ratio
    return {name: streams.generator("missing-scrapes", name).random(count) < ratio for name in state.components}


def _durations(keys: Array, durations_s: Array, count: int) -> tuple[Array, Array, Array]:
    """(mean, p50, p95) per key 0..count-1; NaN where a key has none. Percentiles are the nearest rank from above."""
    size = np.bincount(keys, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(keys, durations_s, minlength=count) / size
    order = np.lexsort((durations_s, keys))
    firsts = np.concatenate([[0], np.cumsum(size)[:-1]])
    ordered = durations_s[order]

    def percentile(share: float) -> Array:
        at = np.minimum(firsts + np.ceil(share * size).astype(np.int64) - 1, len(order) - 1)
        return np.where(size > 0, ordered[at] if len(order) else np.nan, np.nan)

    return mean, percentile(0.5), percentile(0.95)


def _client(sides: Array, bins: Array, count: int, state: SystemState) -> Iterator[Series]:
    """Client metrics by link, fallbacks by name."""
    links = list(state.links)
    link_of = np.array([links.index(e.link.name) for e in state.edges])
    mine = sides["side"] != SERVER
    sides, bins = sides[mine], bins[mine]
    keys = link_of[sides["edge"]] * count + bins
    status = sides["status"]
    total = len(links) * count
    durations_s = (sides["end_ns"] - sides["start_ns"]) / NS
    mean, p50, p95 = _durations(keys, durations_s, total)
    requests = np.bincount(keys, minlength=total).astype(float)
    tables = {
        "client.request.count": requests,
        "client.error.count": np.bincount(keys[status > MISS], minlength=total),
        "client.timeout.count": np.bincount(keys[status == TIMEOUT], minlength=total),
        "client.retry.count": np.bincount(keys[sides["side"] == CLIENT], minlength=total),
        "client.request.duration.mean": mean,
        "client.request.duration.p50": p50,
        "client.request.duration.p95": p95,
    }
    for i, link in enumerate(links):
        caller, peer = link.split("->")
        for metric, values in tables.items():
            yield caller, metric, peer, "", values[i * count : (i + 1) * count].astype(float)
    for edge in state.edges:
        if edge.spec.fallback:
            fell = (sides["edge"] == edge.index) & (sides["side"] == CLIENT_FINAL) & (status > MISS)
            values = np.bincount(bins[fell], minlength=count).astype(float)
            yield edge.caller.name, "fallback.count", "", edge.spec.fallback, values


def _server(sides: Array, bins: Array, count: int, state: SystemState) -> Iterator[Series]:
    """Server metrics by component, from its own point of view."""
    names = list(state.components)
    callee = np.array([names.index(e.callee.name) for e in state.edges])
    mine = (sides["side"] == SERVER) & (sides["edge"] >= 0)
    sides, bins = sides[mine], bins[mine]
    keys = callee[sides["edge"]] * count + bins
    total = len(names) * count
    mean, p50, p95 = _durations(keys, (sides["end_ns"] - sides["start_ns"]) / NS, total)
    tables = {
        "server.request.count": np.bincount(keys, minlength=total),
        "server.error.count": np.bincount(keys[sides["status"] > MISS], minlength=total),
        "server.request.duration.mean": mean,
        "server.request.duration.p50": p50,
        "server.request.duration.p95": p95,
    }
    for i, (name, component) in enumerate(state.components.items()):
        if component.spec.kind not in ("users", "job"):
            for metric, values in tables.items():
                yield name, metric, "", "", values[i * count : (i + 1) * count].astype(float)


def _jobs(sides: Array, bins: Array, edges: Array, state: SystemState) -> Iterator[Series]:
    """Job runs, and how long ago the last good one ended (from the scenario's start before any)."""
    for component in state.components.values():
        if component.spec.kind != "job":
            continue
        mine = sides["edge"] == -1 - component.index
        good = mine & (sides["status"] == OK)
        count = len(edges) - 1
        yield component.name, "job.run.count", "", "", np.bincount(bins[mine], minlength=count).astype(float)
        yield (
            component.name,
            "job.failure.count",
            "",
            "",
            np.bincount(bins[mine & ~good], minlength=count).astype(float),
        )
        ends = np.concatenate([[edges[0]], np.sort(sides["end_ns"][good])])
        last = ends[np.searchsorted(ends, edges[1:], side="right") - 1]
        yield component.name, "job.last_success.age", "", "", (edges[1:] - last) / NS


def _gauges(samples: list[tuple[int, str, str, str, float]], edges: Array) -> list[Series]:
    count = len(edges) - 1
    interval = edges[1] - edges[0]
    found: dict[tuple[str, str, str], Array] = {}
    for time_ns, component, metric, attribute, value in samples:
        at = (time_ns - edges[0]) // interval - 1
        if 0 <= at < count:
            found.setdefault((component, metric, attribute), np.full(count, np.nan))[at] = value
    return [(component, metric, "", attribute, values) for (component, metric, attribute), values in found.items()]
