"""What happened by scrape interval, as counts or as sums of what each event weighs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class EventSums:
    """Sums over events in each interval from `start_ns` on; single events are kept of the last intervals only."""

    def __init__(self, start_ns: int, interval_ns: int) -> None:
        self._start_ns = start_ns
        self._interval_ns = interval_ns
        self._summed = np.zeros(0)
        self._events: list[tuple[Array, Array]] = []

    def add(self, times_ns: Array, weights: Array | None = None) -> None:
        """Adds events, in any order and from the future too, none earlier than two intervals before `sum_until`.

        `weights` (n,): whole numbers, so that sums do not depend on the order; 1 each where they are left out.
        """
        if len(times_ns):
            self._events.append((times_ns, np.ones(len(times_ns)) if weights is None else np.asarray(weights, float)))

    def sum_until(self, now_ns: int) -> None:
        """Nothing that happened before now is still to be added."""
        until = max(0, (now_ns - self._start_ns) // self._interval_ns - 2)
        if until <= len(self._summed):
            return
        times_ns, weights = self._all()
        place = (times_ns - self._start_ns) // self._interval_ns
        is_summed = (place < until) & (place >= 0)
        self._summed = np.concatenate([self._summed, np.zeros(until - len(self._summed))])
        self._summed += np.bincount(place[is_summed], weights[is_summed], until)
        self._events = [(times_ns[place >= until], weights[place >= until])]

    def between(self, edges_ns: Array) -> Array:
        """Sums of what happened on each edge and before the next."""
        times_ns, weights = self._all()
        order = np.argsort(times_ns, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(weights[order])])
        found = np.diff(total[np.searchsorted(times_ns[order], edges_ns, side="left")])
        whole, rest = np.divmod(edges_ns[:-1] - self._start_ns, self._interval_ns)
        known = (whole >= 0) & (whole < len(self._summed))
        assert not rest[known].any(), "earlier sums are those of whole scrape intervals"
        found[known] += self._summed[whole[known]]
        return np.asarray(found)

    def copy(self) -> EventSums:
        """One that goes on for itself."""
        copied = copy.copy(self)
        copied._summed, copied._events = self._summed.copy(), list(self._events)
        return copied

    def _all(self) -> tuple[Array, Array]:
        times_ns = np.concatenate([np.zeros(0, np.int64), *(times for times, _ in self._events)])
        return times_ns, np.concatenate([np.zeros(0), *(weights for _, weights in self._events)])
