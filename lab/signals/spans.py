"""Signals from spans: what failed in a component itself, and where the time of a call was spent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Grid, Metrics, Spans, ratio
from lab.signals.ranks import Groups

Array = npt.NDArray[Any]


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where nothing was traced."""
    spans = Spans.of(observed, grid)
    if spans is not None:
        yield from _own_errors(spans, grid)
        yield from _answered(spans, set(observed.system["links"]), metrics, grid)
        yield from _transit(spans, grid)


def _own_errors(spans: Spans, grid: Grid) -> Iterator[Series]:
    """Failures that began in a component: its spans as server or consumer with status error (no failed dependency)."""
    server = np.flatnonzero(spans.kind.is_any(["server", "consumer"]))
    codes = spans.service.codes[server]
    failed = spans.status.is_any(["error", "unavailable"])[server]
    weight = spans.weights(server)
    keys = codes * (grid.count + 1) + spans.ended[server]
    size = len(spans.service.texts) * (grid.count + 1)
    total = np.bincount(keys, weight, minlength=size)
    bad = np.bincount(keys[failed], None if weight is None else weight[failed], minlength=size)
    shares = ratio(bad, total).reshape(len(spans.service.texts), grid.count + 1)
    served = np.bincount(codes, minlength=len(spans.service.texts))
    for name, share, count in zip(spans.service.texts, shares, served, strict=True):
        if count:
            yield grid.series("own_error_ratio", name, share[: grid.count])


def _answered(spans: Spans, links: set[str], metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """Per link, of attempts that were answered: median duration, and what of it passed outside the callee."""
    client = (spans.kind.codes == spans.kind.code("client")) & spans.status.is_any(["ok", "miss"])
    client = np.flatnonzero(client & (spans.service.codes >= 0) & (spans.peer.codes >= 0))
    if not len(client):
        return
    callers, peers = spans.service.texts, spans.peer.texts
    link = spans.service.codes[client] * len(peers) + spans.peer.codes[client]
    keys = link * (grid.count + 1) + spans.ended[client]
    groups = Groups.of(keys, spans.duration_s[client], spans.weights(client))
    table = np.full((len(callers) * len(peers), grid.count + 1), np.nan)
    table[np.divmod(groups.keys, grid.count + 1)] = groups.medians()[0]
    for i, caller in enumerate(callers):
        for j, callee in enumerate(peers):
            if f"{caller}->{callee}" in links:
                values = table[i * len(peers) + j, : grid.count]
                yield grid.series("answered_duration_p50_s", f"{caller}->{callee}", values)
                inside = metrics.get(callee, "server.request.duration.p50")
                yield grid.series("network_time_s", f"{caller}->{callee}", values - inside)


def _transit(spans: Spans, grid: Grid) -> Iterator[Series]:
    """Per link to a component with server spans: median time from a client span's start to its server span's."""
    client = np.flatnonzero(spans.kind.codes == spans.kind.code("client"))
    server = np.flatnonzero((spans.kind.codes == spans.kind.code("server")) & (spans.peer.codes >= 0))
    at = _parents(spans, client, server)
    sent, server = client[at[at >= 0]], server[at >= 0]
    if not len(server):
        return
    callers, callees = spans.peer.texts, spans.service.texts
    link = spans.peer.codes[server] * len(callees) + spans.service.codes[server]
    sent_s = spans.start_s[sent]
    keys = link * (grid.count + 1) + grid.bins(np.maximum(sent_s, 0))
    groups = Groups.of(keys, spans.start_s[server] - sent_s, spans.weights(server))
    table = np.full((len(callers) * len(callees), grid.count + 1), np.nan)
    lower, upper = groups.medians()
    table[np.divmod(groups.keys, grid.count + 1)] = (lower + upper) / 2
    names = {f"{callers[one // len(callees)]}->{callees[one % len(callees)]}": one for one in np.unique(link).tolist()}
    for name, one in sorted(names.items()):
        yield grid.series("request_transit_p50_s", name, table[one, : grid.count])


def _parents(spans: Spans, client: Array, server: Array) -> Array:
    """For each server span the place of its parent among the client spans, -1 where it is not among them."""
    wanted = spans.parent[server]
    return np.where(wanted == 0, -1, first_places(spans.identity[client], wanted))


def first_places(ids: Array, wanted: Array) -> Array:
    """Where each of the wanted 64-bit numbers is found first among the ids, -1 where it is not there.

    A table by their upper bits finds most: those that it has no room for, one in eight of random ones, are sorted.
    """
    shift = np.uint64(64 - max(1, (4 * len(ids)).bit_length()))
    slots, places = ids >> shift, np.arange(len(ids))
    table = np.full(1 << int(64 - shift), -1)
    table[slots[::-1]] = places[::-1]  # so that of several the first stays
    found: Array = table[wanted >> shift]
    if len(ids):
        found[ids[found] != wanted] = -1
    left, others = np.flatnonzero(found < 0), np.flatnonzero(table[slots] != places)
    if len(left) and len(others):
        others = others[np.argsort(ids[others], kind="stable")]
        at = others[np.minimum(np.searchsorted(ids[others], wanted[left]), len(others) - 1)]
        found[left] = np.where(ids[at] == wanted[left], at, -1)
    return found
