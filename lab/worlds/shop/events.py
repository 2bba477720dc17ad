"""What shoppers do: their requests, their clicks until the feed takes them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.content.protocol import Arrivals, Stream, Times
from lab.recording.ids import STREAM_SHIFT
from lab.worlds.kit.groups import groups
from lab.worlds.shop.visits import Visits

Array = npt.NDArray[Any]


class Requests:
    """The streams of requests by number, and who makes them."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._streams: dict[int, Stream] = {}

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        """Draws who comes."""
        users = self._visits.users(stream.key, np.arange(first, first + len(times_ns)))
        self._streams[stream.number] = stream
        return Arrivals(users[:, None])

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

    def copy(self, streams: Sequence[Stream]) -> Requests:
        """One that goes on for itself, with streams of its own."""
        copied = copy.copy(self)
        copied._streams = {stream.number: stream for stream in streams if stream.number in self._streams}
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
