"""The plane's events come by time and, of equal times, as they were pushed, whatever is pushed and taken in between."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.heap import close, kind_of, later, push, push_noted, slot_of

ROWS = 400
TIMES = {"often equal": st.integers(0, 5), "all different": st.integers(0, 10**12)}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_events_come_in_the_order_of_heapq(times: st.SearchStrategy[int]) -> None:
    """A step takes the first event, as the loop does, and pushes what follows from it."""
    steps = st.lists(st.lists(times, max_size=3), max_size=120)

    @given(st.lists(times, min_size=1, max_size=ROWS // 2), steps)
    @settings(max_examples=60)
    def check(first: list[int], following: list[list[int]]) -> None:
        tables = at.new_tables(heap=ROWS * 2)
        head, heap = tables.head, tables.heap
        expected: list[tuple[int, int]] = []
        pushed = 0
        for time in first:
            push(tables, time, at.EVENT_REPLY, pushed)
            heapq.heappush(expected, (time, pushed))
            pushed += 1
        for delays in following + [[]] * (ROWS * 2):
            close(tables)
            assert head[at.H_HEAP] == len(expected)
            if not expected:
                break
            now, slot = heapq.heappop(expected)
            assert (heap[0, 0], slot_of(heap[0, 1]), kind_of(heap[0, 1])) == (now, slot, at.EVENT_REPLY)
            head[at.H_ROOT_FREE] = 1
            for delay in delays:
                later(tables, now + delay, at.EVENT_REPLY, pushed)
                heapq.heappush(expected, (now + delay, pushed))
                pushed += 1
            push_noted(tables)
        assert not expected

    check()


@pytest.mark.parametrize("name", at.Tables._fields)
def test_every_table_begins_with_a_line_of_memory(name: str) -> None:
    for rows in (0, 1, 3, 1000):
        table = at.empty(name, rows)
        assert table.ctypes.data % 64 == 0
        assert len(table) == max(rows, 1)
        assert table.flags.c_contiguous
        assert not table.any()
