"""Signals of pools: what waits for a connection or a worker, how long, and what gets none. See docs/recording.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Array, Grid, Metrics, ratio

EXHAUSTED, SHED = "client.connection.timeout.count", "server.queue.shed.count"


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where nothing is handed out one by one."""
    links = dict.fromkeys((owner, peer) for owner, metric, peer, _ in metrics if metric == "client.connection.count")
    for owner, peer in links:
        yield from _connections(owner, peer, observed, metrics, grid)
    for component, metric, _, _ in metrics:
        if metric == "server.worker.count":
            yield from _workers(component, observed, metrics, grid)


def exhausted(metrics: Metrics, caller: str, callee: str) -> Array:
    """Attempts by interval that got no connection, of all pools of a link; 0 where it has none."""
    return _summed([metrics.get(*name) for name in metrics if name[:3] == (caller, EXHAUSTED, callee)], metrics)


def shed(metrics: Metrics, component: str) -> Array:
    """Requests by interval that a component turned away at its queue; 0 where it has none."""
    return _summed(
        [metrics.get(*name) for name in metrics if name[:2] == (component, "server.queue.shed.count")], metrics
    )


def _summed(found: list[Array], metrics: Metrics) -> Array:
    return np.asarray(sum(found, np.zeros(metrics.count)))


def _connections(owner: str, peer: str, observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """Of a component's connections to another: the link's own pool and those of single steps together."""
    pool, system = f"{owner}.{peer}", observed.system
    sizes = {"": system["links"].get(f"{owner}->{peer}", {}), **{s["name"]: s for s in _steps(system, owner)}}
    steps = [name[3] for name in metrics if name[:3] == (owner, "client.connection.count", peer)]
    used, got, waited_s, starved, saturated = (np.zeros(grid.count) for _ in range(5))
    for step in steps:
        in_use = metrics.get(owner, "client.connection.count", peer, step)
        pending = metrics.get(owner, "client.connection.pending_requests", peer, step)
        taken = metrics.get(owner, "client.connection.wait_time.count", peer, step)
        mean_s = metrics.get(owner, "client.connection.wait_time.mean", peer, step)
        used += in_use
        got += taken
        waited_s += np.where(taken == 0, 0.0, taken * mean_s)  # nobody waited: there is no mean
        size = (sizes.get(step, {}).get("pool") or {}).get("size", 0)
        starved = np.maximum(starved, _starved(pending, in_use, size))
        saturated = np.maximum(saturated, _saturated(in_use, size))
    none = exhausted(metrics, owner, peer)
    yield grid.series("connections_in_use", pool, used)
    yield grid.series("connection_wait_mean_s", pool, ratio(waited_s, got))
    yield grid.series("connection_starved_ratio", pool, starved)
    yield grid.series("connection_saturated_ratio", pool, saturated)
    yield grid.series("connection_exhausted_ratio", pool, ratio(none, got + none))


def _workers(component: str, observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    refused = shed(metrics, component)
    come = metrics.get(component, "server.request.count") + refused
    in_use, length = (metrics.get(component, name) for name in ("server.worker.count", "server.queue.length"))
    yield grid.series("workers_in_use", component, in_use)
    yield grid.series("queue_length", component, length)
    yield grid.series("queue_wait_mean_s", component, metrics.get(component, "server.queue.wait_time.mean"))
    size = observed.system["components"].get(component, {}).get("workers", 0)
    yield grid.series("worker_starved_ratio", component, _starved(length, in_use, size))
    yield grid.series("worker_saturated_ratio", component, _saturated(in_use, size))
    yield grid.series("queue_shed_ratio", component, ratio(refused, come))


def _starved(waiting: Array, in_use: Array, size: int) -> Array:
    """1 at scrapes at which somebody waits although not all that there should be are in use, else 0; NaN: unknown."""
    starved = ((waiting > 0) & (in_use < size)).astype(float)
    return np.where(np.isnan(waiting) | np.isnan(in_use), np.nan, starved)


def _saturated(in_use: Array, size: int) -> Array:
    """1 at scrapes at which all that there should be are in use, else 0; NaN: unknown."""
    return np.where(np.isnan(in_use), np.nan, (in_use >= size).astype(float))


def _steps(system: Mapping[str, Any], component: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = system["components"].get(component, {}).get("steps", [])
    return found
