"""Signals from spans: what failed in a component itself, and where the time of a call was spent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

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
        pairs = Pairs.of(spans)
        yield from _own_errors(spans, grid)
        yield from _answered(spans, pairs, set(observed.system["links"]), metrics, grid)
        yield from _transit(spans, pairs, grid)


def _own_errors(spans: Spans, grid: Grid) -> Iterator[Series]:
    """Failures that began in a component: its spans as server or consumer with status error (no failed dependency)."""
    server = np.flatnonzero(spans.kind.is_any(["server", "consumer"]))
    codes = spans.service.codes[server].astype(np.int64)
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


def _answered(spans: Spans, pairs: Pairs, links: set[str], metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """Per link, of attempts that were answered: median duration, and what of it passed outside the callee.

    Each attempt is compared with its own server span: a callee that goes on after callers gave up takes longer over
    all that it handles than over what it answers. One without server spans has only the median of all.
    """
    is_answered = (spans.kind.codes == spans.kind.code("client")) & spans.status.is_any(["ok", "miss"])
    is_answered &= (spans.service.codes >= 0) & (spans.peer.codes >= 0)
    client = np.flatnonzero(is_answered)
    if not len(client):
        return
    callers, peers = spans.service.texts, spans.peer.texts
    shape = len(callers) * len(peers), grid.count + 1

    def medians(rows: Array, values: Array) -> Array:
        link = spans.service.codes[rows].astype(np.int64) * len(peers) + spans.peer.codes[rows]
        groups = Groups.of(link * (grid.count + 1) + spans.ended[rows], values, spans.weights(rows))
        return _table(groups.keys, groups.medians()[0], shape)

    answered_s = medians(client, spans.duration_s[client])
    sent, server = (places[is_answered[pairs.sent]] for places in pairs)
    outside_s = medians(sent, spans.duration_s[sent] - spans.duration_s[server])
    for i, caller in enumerate(callers):
        for j, callee in enumerate(peers):
            if f"{caller}->{callee}" in links:
                answered, network = answered_s[i * len(peers) + j], outside_s[i * len(peers) + j]
                yield grid.series("answered_duration_p50_s", f"{caller}->{callee}", answered)
                if np.isnan(network).all():
                    network = answered - metrics.get(callee, "server.request.duration.p50")
                yield grid.series("network_time_s", f"{caller}->{callee}", np.maximum(network, 0.0))


def _transit(spans: Spans, pairs: Pairs, grid: Grid) -> Iterator[Series]:
    """Per link to a component with server spans: median time from a client span's start to its server span's."""
    sent, server = pairs
    if not len(server):
        return
    callers, callees = spans.peer.texts, spans.service.texts
    link = spans.peer.codes[server].astype(np.int64) * len(callees) + spans.service.codes[server]
    sent_s = spans.start_s[sent]
    keys = link * (grid.count + 1) + grid.bins(np.maximum(sent_s, 0))
    groups = Groups.of(keys, spans.start_s[server] - sent_s, spans.weights(server))
    lower, upper = groups.medians()
    table = _table(groups.keys, (lower + upper) / 2, (len(callers) * len(callees), grid.count + 1))
    names = {f"{callers[one // len(callees)]}->{callees[one % len(callees)]}": one for one in np.unique(link).tolist()}
    for name, one in sorted(names.items()):
        yield grid.series("request_transit_p50_s", name, table[one])


def _table(keys: Array, values: Array, shape: tuple[int, int]) -> Array:
    """Values of groups by link and scrape interval, NaN where there is none; the last interval is past the end."""
    table = np.full(shape, np.nan)
    table[np.divmod(keys, shape[1])] = values
    return table[:, :-1]


class Pairs(NamedTuple):
    """Places of client spans, and of the server span that each of them is the parent of."""

    sent: Array
    server: Array

    @classmethod
    def of(cls, spans: Spans) -> Pairs:
        """All calls of which both sides were recorded."""
        client = np.flatnonzero(spans.kind.codes == spans.kind.code("client"))
        server = np.flatnonzero((spans.kind.codes == spans.kind.code("server")) & (spans.peer.codes >= 0))
        wanted = spans.parent[server]
        at = np.where(wanted == 0, -1, first_places(spans.identity[client], wanted))
        return cls(client[at[at >= 0]], server[at >= 0])


def first_places(ids: Array, wanted: Array) -> Array:
    """Where each of the wanted 64-bit numbers is found first among the ids, -1 where it is not there.

    A table by their upper bits finds most: those that it has no room for, one in eight of random ones, are sorted.
    """
    shift = np.uint64(64 - max(1, (4 * len(ids)).bit_length()))
    slots, places = ids >> shift, np.arange(len(ids), dtype=np.int32)
    table = np.full(1 << int(64 - shift), -1, np.int32)
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
