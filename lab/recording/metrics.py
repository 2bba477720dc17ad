"""Definitions of the metrics, the same for every testbed: counts and durations from span sides, gauges from samples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS, to_ns
from lab.recording.recorder import CLIENT, CLIENT_FINAL, SERVER
from lab.recording.status import MISS, OK, TIMEOUT
from lab.streams import Streams
from lab.systems.calls import CallGraph
from lab.systems.topology import System

Array = npt.NDArray[Any]
Sample = tuple[int, str, str, str, float]
"""(time_ns, component, metric, attribute, value): a gauge or a sum, for the scrape interval that ends at that time"""
Counts = tuple[str, str, str, Array]
"""(component, metric, attribute, count per scrape interval)"""
Series = tuple[str, str, str, str, Array]
"""(component, metric, peer, attribute, value per interval; NaN for no value)"""


def interval_edges_ns(system: System, start_ns: int, end_ns: int) -> Array:
    """Where the scrape intervals of a run begin and end, in testbed ns; a last one cut short is left out."""
    return np.arange(start_ns, end_ns + 1, to_ns(system.scrape_interval_s))


def columns(
    graph: CallGraph, edges: Array, sides: Array, samples: Sequence[Sample], counts: Sequence[Counts], *,
    sampled_servers: Collection[str] = (), lost_scrapes: Streams | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The metrics table as columns. `edges`: of the scrape intervals, as `interval_edges_ns` gives them.

    `sampled_servers`: components whose server metrics are among the samples, and are not counted from sides.
    `lost_scrapes`: streams that decide which scrapes fail, for testbeds whose scrapes never fail by themselves.
    """
    count = len(edges) - 1
    interval = edges[1] - edges[0]
    bins = ((sides["end_ns"] - edges[0]) // interval).astype(np.int64)
    sides, bins = sides[bins < count], bins[bins < count]
    counted = [name for name in graph.servers if name not in sampled_servers]
    series: list[Series] = [*_client(sides, bins, count, graph), *_server(sides, bins, count, graph, counted)]
    series += [*_jobs(sides, bins, edges, graph)]
    series += [(component, metric, "", attribute, values) for component, metric, attribute, values in counts]
    series += _gauges(samples, edges)
    lost = _lost(graph.system, lost_scrapes, count) if lost_scrapes is not None else {}
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
        kept = ~np.isnan(values)
        if component in lost:
            kept &= ~lost[component]
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


def _lost(system: System, streams: Streams, count: int) -> dict[str, Array]:
    """Scrapes that failed, by component."""
    ratio = system.missing_sample_ratio
    return {name: streams.generator("missing-scrapes", name).random(count) < ratio for name in system.components}


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


def _client(sides: Array, bins: Array, count: int, graph: CallGraph) -> Iterator[Series]:
    """Client metrics by link, fallbacks by name."""
    links = list(graph.system.links)
    link_of = np.array([links.index(edge.link) for edge in graph.edges])
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
    for edge in graph.edges:
        if edge.step.fallback:
            fell = (sides["edge"] == edge.index) & (sides["side"] == CLIENT_FINAL) & (status > MISS)
            values = np.bincount(bins[fell], minlength=count).astype(float)
            yield edge.caller, "fallback.count", "", edge.step.fallback, values


def _server(sides: Array, bins: Array, count: int, graph: CallGraph, counted: Collection[str]) -> Iterator[Series]:
    """Server metrics of the components counted, each from its own point of view."""
    names = graph.components
    callee = np.array([names.index(edge.callee) for edge in graph.edges])
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
    for i, name in enumerate(names):
        if name in counted:
            for metric, values in tables.items():
                yield name, metric, "", "", values[i * count : (i + 1) * count].astype(float)


def _jobs(sides: Array, bins: Array, edges: Array, graph: CallGraph) -> Iterator[Series]:
    """Job runs, and how long ago the last good one ended (from the scenario's start before any)."""
    for job in graph.jobs:
        mine = sides["edge"] == graph.job_run(job)
        good = mine & (sides["status"] == OK)
        count = len(edges) - 1
        yield job, "job.run.count", "", "", np.bincount(bins[mine], minlength=count).astype(float)
        yield job, "job.failure.count", "", "", np.bincount(bins[mine & ~good], minlength=count).astype(float)
        ends = np.concatenate([[edges[0]], np.sort(sides["end_ns"][good])])
        last = ends[np.searchsorted(ends, edges[1:], side="right") - 1]
        yield job, "job.last_success.age", "", "", (edges[1:] - last) / NS


def _gauges(samples: Sequence[Sample], edges: Array) -> list[Series]:
    count = len(edges) - 1
    interval = edges[1] - edges[0]
    found: dict[tuple[str, str, str], Array] = {}
    for time_ns, component, metric, attribute, value in samples:
        at = (time_ns - edges[0]) // interval - 1
        if 0 <= at < count:
            found.setdefault((component, metric, attribute), np.full(count, np.nan))[at] = value
    return [(component, metric, "", attribute, values) for (component, metric, attribute), values in found.items()]
