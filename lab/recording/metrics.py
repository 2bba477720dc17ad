"""Definitions of the metrics, the same for every testbed: counts and durations from span sides, gauges from samples."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.clock import NS, to_ns
from lab.recording.arrow import coded_array, numbers_array
from lab.recording.sides import CLIENT, CLIENT_FINAL, SERVER, Sides, picked
from lab.recording.status import MISS, OK, TIMEOUT
from lab.registration.slis import LATENCY_P99_S
from lab.streams import Streams
from lab.systems.calls import CallGraph
from lab.systems.topology import System

Array = npt.NDArray[Any]
Sample: TypeAlias = tuple[int, str, str, str, float]
"""(time_ns, component, metric, attribute, value): a gauge or a sum, for the scrape interval that ends at that time"""
Counts: TypeAlias = tuple[str, str, str, Array]
"""(component, metric, attribute, count per scrape interval)"""
Series: TypeAlias = tuple[str, str, str, str, Array]
"""(component, metric, peer, attribute, value per interval; NaN for no value)"""

_DURATION_BITS = 44
"""Bits of a duration in ns where durations are sorted within their series: longer ones than 4.8 hours count as that."""
_LONGEST_NS = (1 << _DURATION_BITS) - 1
_KEYS_AT_ONCE = 1 << (63 - _DURATION_BITS)


def interval_edges_ns(system: System, start_ns: int, end_ns: int) -> Array:
    """Where the scrape intervals of a run begin and end, in testbed ns; a last one cut short is left out."""
    return np.arange(start_ns, end_ns + 1, to_ns(system.scrape_interval_s))


class MetricsBuilder:
    """The metrics of a run, counted as its span sides come.

    A side counts for the interval in which it ends, the beginning included. Sides may be added in parts, those of an
    interval before those of later ones. Nothing depends on the parts, for all sums are of whole numbers. Memory: eight
    bytes for each series and interval, and for each side of the last interval, whose percentiles are still open.

    `edges_ns`: as `interval_edges_ns` gives them. `sampled_servers`: components whose server metrics are among the
    samples, and are not counted from sides.
    """

    def __init__(self, graph: CallGraph, edges_ns: Array, sampled_servers: Collection[str] = ()) -> None:
        self._graph, self._edges_ns, self._sampled = graph, edges_ns, frozenset(sampled_servers)
        self._count = len(edges_ns) - 1
        self._links = tuple(graph.system.links)
        self._link_of = np.array([self._links.index(edge.link) for edge in graph.edges], np.int64)
        self._callee_of = np.array([graph.components.index(edge.callee) for edge in graph.edges], np.int64)
        self._fallbacks = [edge for edge in graph.edges if edge.step.fallback]
        self._message_links = list(dict.fromkeys(edge.link for edge in graph.edges if not edge.step.wait))
        rows = len(self._links) + len(graph.components)
        for edge in graph.edges:
            if not edge.step.wait:
                self._link_of[edge.index] = rows + self._message_links.index(edge.link)
        self._call_links = {edge.link for edge in graph.edges if edge.step.wait}
        rows += len(self._message_links)
        # A row for each link as its caller sees it, one for each component as a server, one for each link's messages.
        self._requests, self._errors, self._timeouts, self._retries, self._p50_ns, self._p95_ns = (
            np.zeros((rows, self._count), np.int64) for _ in range(6)
        )
        # Of the users' link only, where an SLO needs it.
        self._p99_row = _users_row(graph.system, self._links)
        self._p99_ns = np.zeros(self._count, np.int64)
        # 110,000 calls of a day each that end in one interval would pass 64 bits; below 2^53 the sum is exact.
        self._total_ns = np.zeros((rows, self._count))
        self._fell = np.zeros((len(graph.edges), self._count), np.int64)
        self._runs, self._failed_runs = (np.zeros((len(graph.components), self._count), np.int64) for _ in range(2))
        self._last_good_ns = np.full((len(graph.components), self._count), np.iinfo(np.int64).min)
        self._open, self._open_at = list[Array](), -1  # durations of the last interval that has any, by rows
        self._gauges: dict[tuple[str, str, str, str], Array] = {}

    def branch(self) -> MetricsBuilder:
        """A builder that goes on from here by itself."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(other, name, value.copy())
        other._open = self._open.copy()
        other._gauges = {key: values.copy() for key, values in self._gauges.items()}
        return other

    def add(self, sides: Sides) -> None:
        """Counts sides. What ended before the first interval or after the last is left out.

        ValueError for sides of an interval that is over, since some of a later one were added.
        """
        interval = self._interval_of(sides["end_ns"])
        within = (interval >= 0) & (interval < self._count)
        if not within.all():
            sides, interval = picked(sides, within), interval[within]
        if not len(sides):
            return
        at_once = max(1, _KEYS_AT_ONCE // len(self._requests))
        first, last = int(interval.min()), int(interval.max())
        if first < self._open_at:
            raise ValueError(f"sides of scrape interval {first} were added after some of {self._open_at}")
        for begin in range(first, last + 1, at_once):
            end = min(begin + at_once, last + 1)
            if begin == first and end == last + 1:
                self._add(sides, interval - begin, begin, end)
            else:
                mine = (interval >= begin) & (interval < end)
                self._add(picked(sides, mine), interval[mine] - begin, begin, end)

    def sample(self, samples: Iterable[Sample], peer: str = "") -> None:
        """Adds samples, which are about calls of `peer` where it is given; the last one of an interval counts."""
        first_ns, length_ns = int(self._edges_ns[0]), self._length_ns
        for time_ns, component, metric, attribute, value in samples:
            at = (time_ns - first_ns) // length_ns - 1
            if 0 <= at < self._count:
                key = component, metric, peer, attribute
                values = self._gauges.get(key)
                if values is None:
                    values = self._gauges[key] = np.full(self._count, np.nan)
                values[at] = value

    def columns(
        self, until_ns: int, counts: Sequence[Counts] = (), lost_scrapes: Streams | None = None
    ) -> dict[str, pa.Array]:
        """The metrics table as columns, of the intervals that end by `until_ns`.

        `counts`: what users did. `lost_scrapes`: streams that decide which scrapes fail, for testbeds whose scrapes
        never fail by themselves.
        """
        self._settle()
        known = min(self._count, max(0, (until_ns - int(self._edges_ns[0])) // self._length_ns))
        found = [*self._clients(), *self._messages(), *self._servers(), *self._jobs()]
        found += [(component, metric, "", attribute, values) for component, metric, attribute, values in counts]
        found += [(*key, values) for key, values in self._gauges.items()]
        lost = _lost(self._graph.system, lost_scrapes, known) if lost_scrapes is not None else {}
        return _columns(found, known, (self._edges_ns[1:] - self._edges_ns[0]) / NS, lost)

    def recent(self, edges_ns: Array, counts: Sequence[Counts]) -> dict[str, pa.Array]:
        """What a world reports of the intervals between these edges, as columns of the metrics table: samples, counts.

        What was lost on the way is there.
        """
        first = int(edges_ns[0] - self._edges_ns[0]) // self._length_ns
        sampled = [(*key, v[first : first + len(edges_ns) - 1]) for key, v in self._gauges.items()]
        counted = [(component, metric, "", attribute, values) for component, metric, attribute, values in counts]
        return _columns([*sampled, *counted], len(edges_ns) - 1, (edges_ns[1:] - self._edges_ns[0]) / NS, {})

    @property
    def _length_ns(self) -> int:
        return to_ns(self._graph.system.scrape_interval_s)

    def _interval_of(self, times_ns: Array) -> Array:
        return np.asarray((times_ns - self._edges_ns[0]) // self._length_ns)

    def _add(self, sides: Sides, interval: Array, begin: int, end: int) -> None:
        """Counts sides that end in these intervals; `interval` counts from `begin`."""
        edge, side, status = sides["edge"].astype(np.int64), sides["side"], sides["status"]
        width, at = end - begin, np.s_[:, begin:end]
        own = edge < 0
        if own.any():
            self._add_runs(-1 - edge[own], status[own], interval[own] + begin, sides["end_ns"][own])
            sides, interval = picked(sides, ~own), interval[~own]
            edge, side, status = edge[~own], side[~own], status[~own]
        server = side == SERVER
        row = np.where(server, len(self._links) + self._callee_of[edge], self._link_of[edge])
        key = row * width + interval
        shape = (len(self._requests), width)

        def count(mask: Array) -> Array:
            return np.bincount(key[mask], minlength=shape[0] * width).reshape(shape)

        self._errors[at] += count(status > MISS)
        self._timeouts[at] += count((status == TIMEOUT) & ~server)
        self._retries[at] += count(side == CLIENT)
        fell = (side == CLIENT_FINAL) & (status > MISS)
        np.add.at(self._fell, (edge[fell], interval[fell] + begin), 1)
        durations_ns = sides["end_ns"] - sides["start_ns"]
        self._requests[at] += np.bincount(key, minlength=shape[0] * width).reshape(shape)
        # Sums of whole numbers below 2^53 are exact in floats, so their order does not matter.
        total = np.bincount(key, durations_ns, minlength=shape[0] * width)
        self._total_ns[at] += total.reshape(shape)
        self._add_durations(row, interval + begin, durations_ns.clip(0, _LONGEST_NS), begin, end - 1)

    def _add_durations(self, row: Array, interval: Array, durations_ns: Array, begin: int, last: int) -> None:
        """Notes durations for percentiles: of intervals before the last one at once, for no more will come of them."""
        going_on = interval == self._open_at
        if going_on.any():
            self._open.append(row[going_on] << _DURATION_BITS | durations_ns[going_on])
        if last == self._open_at:
            return
        self._settle()
        over = ~going_on & (interval < last)
        if over.any():
            begin = max(begin, self._open_at + 1)
            width = last - begin
            self._percentiles(
                (row * width + interval - begin)[over] << _DURATION_BITS | durations_ns[over], begin, last
            )
        newest = interval == last
        self._open, self._open_at = [row[newest] << _DURATION_BITS | durations_ns[newest]], last

    def _settle(self) -> None:
        """Percentiles of the last interval, as far as it is known."""
        if self._open:
            self._percentiles(np.concatenate(self._open), self._open_at, self._open_at + 1)

    def _percentiles(self, keyed_ns: Array, begin: int, end: int) -> None:
        """Percentiles (the nearest rank from above) of durations by row and interval, which are in their high bits."""
        ordered = np.sort(keyed_ns)
        shape = len(self._requests), end - begin
        size = np.bincount(ordered >> _DURATION_BITS, minlength=shape[0] * shape[1])
        firsts = np.cumsum(size) - size
        present = size > 0
        for share, kept in ((0.5, self._p50_ns), (0.95, self._p95_ns)):
            rank = firsts[present] + np.ceil(share * size[present]).astype(np.int64) - 1
            values = np.zeros(len(size), np.int64)
            values[present] = ordered[rank] & _LONGEST_NS
            kept[:, begin:end] = values.reshape(shape)
        if self._p99_row is not None:
            mine = np.s_[self._p99_row * shape[1] : (self._p99_row + 1) * shape[1]]
            rank = firsts[mine] + np.ceil(0.99 * size[mine]).astype(np.int64) - 1
            self._p99_ns[begin:end] = np.where(present[mine], ordered[rank.clip(0)] & _LONGEST_NS, 0)

    def _add_runs(self, job: Array, status: Array, interval: Array, ends_ns: Array) -> None:
        good = status == OK
        np.add.at(self._runs, (job, interval), 1)
        np.add.at(self._failed_runs, (job[~good], interval[~good]), 1)
        np.maximum.at(self._last_good_ns, (job[good], interval[good]), ends_ns[good])

    def _durations(self, row: int) -> Iterator[tuple[str, Array]]:
        size = self._requests[row]
        with np.errstate(invalid="ignore", divide="ignore"):
            yield "mean", self._total_ns[row] / size / NS
        for name, values in (("p50", self._p50_ns), ("p95", self._p95_ns)):
            yield name, np.where(size > 0, values[row] / NS, np.nan)

    def _clients(self) -> Iterator[Series]:
        """Client metrics by link, fallbacks by name."""
        for row, link in enumerate(self._links):
            if link not in self._call_links:
                continue
            caller, peer = link.split("->")
            for name, values in (
                ("client.request.count", self._requests), ("client.error.count", self._errors),
                ("client.timeout.count", self._timeouts), ("client.retry.count", self._retries),
            ):  # fmt: skip
                yield caller, name, peer, "", values[row].astype(float)
            for name, durations in self._durations(row):
                yield caller, f"client.request.duration.{name}", peer, "", durations
            if row == self._p99_row:
                p99_s = np.where(self._requests[row] > 0, self._p99_ns / NS, np.nan)
                yield caller, "client.request.duration.p99", peer, "", p99_s
        for edge in self._fallbacks:
            yield edge.caller, "fallback.count", "", str(edge.step.fallback), self._fell[edge.index].astype(float)

    def _servers(self) -> Iterator[Series]:
        """Server metrics of the components counted, each from its own point of view."""
        for name in self._graph.servers:
            if name in self._sampled:
                continue
            row = len(self._links) + self._graph.components.index(name)
            yield name, "server.request.count", "", "", self._requests[row].astype(float)
            yield name, "server.error.count", "", "", self._errors[row].astype(float)
            for what, durations in self._durations(row):
                yield name, f"server.request.duration.{what}", "", "", durations

    def _messages(self) -> Iterator[Series]:
        """Messages by link."""
        first = len(self._links) + len(self._graph.components)
        for row, link in enumerate(self._message_links, first):
            caller, peer = link.split("->")
            sent = self._requests[row] - self._errors[row]
            yield caller, "messaging.client.sent.messages", peer, "", sent.astype(float)

    def _jobs(self) -> Iterator[Series]:
        """Job runs, and how long ago the last good one ended (from the scenario's start before any)."""
        for job in self._graph.jobs:
            row = self._graph.components.index(job)
            yield job, "job.run.count", "", "", self._runs[row].astype(float)
            yield job, "job.failure.count", "", "", self._failed_runs[row].astype(float)
            last = np.maximum(np.maximum.accumulate(self._last_good_ns[row]), self._edges_ns[0])
            yield job, "job.last_success.age", "", "", (self._edges_ns[1:] - last) / NS


def _users_row(system: System, links: Sequence[str]) -> int | None:
    """The row of the users' link where an SLO is on its 99th percentile."""
    wanted = LATENCY_P99_S in {slo.sli for slo in system.slos}
    return links.index(system.entry_link) if wanted and system.entry_link else None


def _lost(system: System, streams: Streams, count: int) -> dict[str, Array]:
    """Scrapes that failed, by component."""
    ratio = system.missing_sample_ratio
    return {name: streams.generator("missing-scrapes", name).random(count) < ratio for name in system.components}


def _columns(series: Sequence[Series], known: int, ends_s: Array, lost: dict[str, Array]) -> dict[str, pa.Array]:
    """One row for each value there is in the first `known` intervals, series by series."""
    times, values, sizes = [], [], []
    for component, _, _, _, all_values in series:
        found = np.asarray(all_values[:known], np.float64)
        kept = ~np.isnan(found)
        if component in lost:
            kept &= ~lost[component][: len(kept)]
        times.append(ends_s[: len(found)][kept])
        values.append(found[kept])
        sizes.append(int(kept.sum()))
    empty = [np.empty(0)]
    columns = {"time_s": numbers_array(np.concatenate(times or empty))}
    for i, name in ((0, "service.name"), (1, "metric"), (2, "peer.service"), (3, "attribute")):
        of_series = [str(one[i]) for one in series]
        texts = sorted({text for text, size in zip(of_series, sizes, strict=True) if text and size})
        codes = {text: code for code, text in enumerate(texts)}
        columns[name] = coded_array(np.repeat([codes.get(text, -1) for text in of_series], sizes), texts)
    return columns | {"value": numbers_array(np.concatenate(values or empty))}
