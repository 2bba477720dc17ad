"""Sums of events by interval: the same whether single events are still there or were summed up."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.worlds.kit.sums import EventSums

START_NS, INTERVAL_NS, INTERVALS = 1000, 100, 12
EDGES_NS = START_NS + INTERVAL_NS * np.arange(INTERVALS + 1)
EVENTS = st.lists(st.tuples(st.integers(0, 2500), st.integers(1, 99)), max_size=40)


@given(EVENTS, st.lists(st.integers(0, 2200), max_size=4))
def test_sums_are_those_of_a_histogram(events: list[tuple[int, int]], looks_ns: list[int]) -> None:
    sums = EventSums(START_NS, INTERVAL_NS)
    left = sorted(events)
    for look_ns in [*sorted(looks_ns), 2500]:
        coming = [event for event in left if event[0] <= look_ns]
        left = left[len(coming) :]
        sums.add(np.array([time for time, _ in coming], np.int64), np.array([weight for _, weight in coming]))
        sums.sum_until(look_ns)
    times_ns, weights = np.array(events, np.int64).reshape(-1, 2).T
    expected = np.histogram(times_ns, EDGES_NS, weights=weights)[0]
    expected[-1] -= weights[times_ns == EDGES_NS[-1]].sum()  # the last edge is the next interval's
    assert sums.between(EDGES_NS).tolist() == expected.tolist()
    assert sums.copy().between(EDGES_NS[3:6]).tolist() == expected[3:5].tolist()


def test_events_weigh_one_each_unless_told() -> None:
    sums = EventSums(0, 10)
    sums.add(np.array([1, 5, 12]))
    assert sums.between(np.array([0, 10, 20])).tolist() == [2, 1]
