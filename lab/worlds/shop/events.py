"""What shoppers do: their requests and clicks until the feed takes them, and counts of them by interval."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording.ids import STREAM_SHIFT
from lab.worlds.base import Arrivals, Stream, Times
from lab.worlds.shop.browsing import Browsing
from lab.worlds.shop.groups import groups
from lab.worlds.shop.visits import Visits, browse_draws

Array = npt.NDArray[Any]


class _Coming(NamedTuple):
    """Requests of a stream from number `first` on, which the feed has not seen, and the pages seen around them."""

    first: int
    times_ns: Array
    users: Array
    categories: Array
    log_prices: Array

    def part(self, rows: slice) -> _Coming:
        """Some of them."""
        start = rows.start or 0
        return _Coming(self.first + start, *(column[rows] for column in self[1:]))


class Requests:
    """The streams of requests by number, and those requests that the feed has not seen yet.

    `start_ns`: testbed time of scenario second 0.
    """

    def __init__(self, visits: Visits, start_ns: int) -> None:
        self._visits = visits
        self._start_ns = start_ns
        self._streams: dict[int, Stream] = {}
        self._coming: dict[int, list[_Coming]] = {}

    def arrive(self, stream: Stream, first: int, times_ns: Times, browsing: Browsing) -> Arrivals:
        """Draws who comes, and what they look at."""
        users = self._visits.users(stream.key, np.arange(first, first + len(times_ns)))
        self._streams[stream.number] = stream
        coming = self._looking(stream, first, np.array(times_ns), users, browsing)
        self._coming.setdefault(stream.number, []).append(coming)
        return Arrivals(users, np.zeros(len(users), np.int64))

    def look_anew(self, browsing: Browsing) -> None:
        """Draws again what those look at that the feed has not seen: the shoppers are after something else."""
        for number, parts in self._coming.items():
            stream = self._streams[number]
            self._coming[number] = [
                self._looking(stream, part.first, part.times_ns, part.users, browsing) for part in parts
            ]

    def _looking(self, stream: Stream, first: int, times_ns: Array, users: Array, browsing: Browsing) -> _Coming:
        # Far fewer and larger blocks than what the feed takes at a time.
        draws = browse_draws(stream.key, np.arange(first, first + len(users)))
        seen = browsing.looked_at(users, (times_ns - self._start_ns) / NS, *draws)
        return _Coming(first, times_ns, users, *seen)

    def by_stream(self, requests: Array) -> list[tuple[Stream, Array | slice, Array]]:
        """(stream, places in `requests`, numbers in the stream) for each stream of the shop's that they are of."""
        return [
            (self._streams[number], places, requests[places] & ((1 << STREAM_SHIFT) - 1))
            for number, places in groups(requests >> STREAM_SHIFT)
            if number in self._streams
        ]

    def users(self, requests: Array) -> Array:
        """Who made these requests."""
        users = np.empty(len(requests), np.int64)
        for stream, places, numbers in self.by_stream(requests):
            users[places] = self._visits.users(stream.key, numbers)
        return users

    def browse(self, browsing: Browsing, now_ns: int) -> list[Array]:
        """Counts the pages seen around requests that came before now and were not counted; who made them."""
        seen: list[_Coming] = []
        for number, parts in self._coming.items():
            stream = self._streams[number]
            until_ns = now_ns if stream.closed_ns is None else min(now_ns, stream.closed_ns)
            left = []
            for part in parts:
                count = int(np.searchsorted(part.times_ns, until_ns))
                if count:
                    seen.append(part.part(slice(count)))
                if count < len(part.users) and stream.closed_ns is None:
                    left.append(part.part(slice(count, None)))
            self._coming[number] = left
        now_s = (now_ns - self._start_ns) / NS
        for part in seen:
            ages_s = now_s - (part.times_ns - self._start_ns) / NS
            browsing.count(part.users, ages_s, part.categories, part.log_prices)
        return [part.users for part in seen]

    def copy(self, streams: Sequence[Stream]) -> Requests:
        """One that goes on for itself, with streams of its own."""
        copied = copy.copy(self)
        copied._streams = {stream.number: stream for stream in streams if stream.number in self._streams}
        copied._coming = {number: list(parts) for number, parts in self._coming.items()}
        return copied


class Clicks:
    """Clicks that the feed has not taken: when, on what page (request and place), by whom, on which item."""

    def __init__(self) -> None:
        self._rows: list[Array] = []

    def add(self, times_ns: Array, requests: Array, places: Array, users: Array, items: Array) -> None:
        """Adds clicks, in any order."""
        self._rows.append(np.stack([times_ns, requests, places, users, items], axis=1))

    def take(self, until_ns: int) -> tuple[Array, Array, Array]:
        """(users, items, ages in seconds) of clicks made by now and not taken before, in order of time."""
        rows = np.concatenate([np.zeros((0, 5), np.int64), *self._rows])
        is_due = rows[:, 0] <= until_ns
        taken, self._rows = rows[is_due], [rows[~is_due]]
        taken = taken[np.lexsort((taken[:, 2], taken[:, 1], taken[:, 0]))]
        return taken[:, 3], taken[:, 4], (until_ns - taken[:, 0]) / NS

    def copy(self) -> Clicks:
        """One that goes on for itself."""
        copied = Clicks()
        copied._rows = list(self._rows)
        return copied


class EventCounts:
    """How many events there were in each interval from `start_ns` on; single times are kept of the last ones only."""

    def __init__(self, start_ns: int, interval_ns: int) -> None:
        self._start_ns = start_ns
        self._interval_ns = interval_ns
        self._counted = np.zeros(0, np.int64)
        self._times_ns: list[Array] = []

    def add(self, times_ns: Array) -> None:
        """Adds events, in any order, none earlier than the last three intervals before `count_until`."""
        self._times_ns.append(times_ns)

    def count_until(self, now_ns: int) -> None:
        """Nothing that happened before now is still to be added."""
        until = max(0, (now_ns - self._start_ns) // self._interval_ns - 2)
        if until <= len(self._counted):
            return
        times_ns = self._times()
        place = (times_ns - self._start_ns) // self._interval_ns
        is_counted = place < until
        counted = place[is_counted & (place >= 0)]
        self._counted = np.concatenate([self._counted, np.zeros(until - len(self._counted), np.int64)])
        self._counted += np.bincount(counted, minlength=until)
        self._times_ns = [times_ns[~is_counted]]

    def between(self, edges_ns: Array) -> Array:
        """Events from each edge on and before the next."""
        places = np.searchsorted(np.sort(self._times()), edges_ns, side="left")
        found = np.diff(places).astype(float)
        whole, rest = np.divmod(edges_ns[:-1] - self._start_ns, self._interval_ns)
        known = (whole >= 0) & (whole < len(self._counted))
        assert not rest[known].any(), "earlier counts are those of whole scrape intervals"
        found[known] += self._counted[whole[known]]
        return np.asarray(found)

    def copy(self) -> EventCounts:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._counted, copied._times_ns = self._counted.copy(), list(self._times_ns)
        return copied

    def _times(self) -> Array:
        return np.concatenate([np.zeros(0, np.int64), *self._times_ns])
