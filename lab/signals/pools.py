"""Signals of pools: what waits for a connection or a worker, how long, and what gets none. See docs/recording.md."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lab.signals import Series
from lab.signals.columns import Array, Grid, Metrics, ratio

EXHAUSTED, SHED = "client.connection.timeout.count", "server.queue.shed.count"


def series(metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where nothing is handed out one by one."""
    links = dict.fromkeys((owner, peer) for owner, metric, peer, _ in metrics if metric == "client.connection.count")
    for owner, peer in links:
        yield from _connections(owner, peer, metrics, grid)
    for component, metric, _, _ in metrics:
        if metric == "server.worker.count":
            yield from _workers(component, metrics, grid)


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


def _connections(owner: str, peer: str, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """Of a component's connections to another: the link's own pool and those of single steps together."""
    pool = f"{owner}.{peer}"
    steps = [name[3] for name in metrics if name[:3] == (owner, "client.connection.count", peer)]
    used, got, waited_s = (np.zeros(grid.count) for _ in range(3))
    for step in steps:
        taken = metrics.get(owner, "client.connection.wait_time.count", peer, step)
        mean_s = metrics.get(owner, "client.connection.wait_time.mean", peer, step)
        used += metrics.get(owner, "client.connection.count", peer, step)
        got += taken
        waited_s += np.where(taken == 0, 0.0, taken * mean_s)  # nobody waited: there is no mean
    none = exhausted(metrics, owner, peer)
    yield grid.series("connections_in_use", pool, used)
    yield grid.series("connection_wait_mean_s", pool, ratio(waited_s, got))
    yield grid.series("connection_exhausted_ratio", pool, ratio(none, got + none))


def _workers(component: str, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    refused = shed(metrics, component)
    come = metrics.get(component, "server.request.count") + refused
    yield grid.series("workers_in_use", component, metrics.get(component, "server.worker.count"))
    yield grid.series("queue_length", component, metrics.get(component, "server.queue.length"))
    yield grid.series("queue_wait_mean_s", component, metrics.get(component, "server.queue.wait_time.mean"))
    yield grid.series("queue_shed_ratio", component, ratio(refused, come))
