"""Span sides: 48 bytes that a compiled loop writes as six words, and the grid that their recorded times lie on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.clock import NS
from lab.recording.ids import Ids
from lab.recording.sides import CLIENT_FINAL, GRID_PER_S, WORDS, from_words, make_sides, on_grid, seconds, word
from lab.recording.span_table import in_order
from lab.streams import Streams
from tests.recorded_runs import key_of

SIXTY_DAYS_NS = 60 * 86_400 * NS
times = st.integers(-3600 * NS, SIXTY_DAYS_NS)
numbers = st.integers(-(2**63), 2**63 - 1)


@given(
    st.lists(numbers, min_size=5, max_size=5), st.integers(-500, 32_000), st.integers(0, 5), st.integers(0, 7),
    st.integers(0, 3),
)  # fmt: skip
def test_six_words_are_a_side(leading: list[int], edge: int, attempt: int, status: int, side: int) -> None:
    words = np.array([[*leading, word(edge, attempt, status, side)]], np.int64)
    assert words.shape == (1, WORDS)
    (row,) = from_words(words)
    assert [int(row[name]) for name in ("request", "start_ns", "end_ns")] == leading[:3]
    assert [int(row[name]) for name in ("key", "parent")] == [value % 2**64 for value in leading[3:]]
    assert [int(row[name]) for name in ("edge", "attempt", "status", "side")] == [edge, attempt, status, side]


@given(st.lists(st.tuples(times, st.integers(0, 120 * NS)), min_size=1), st.integers(0, 3600 * NS))
def test_times_on_the_grid_are_exact_and_hold_the_times_measured(spans: list[tuple[int, int]], origin_ns: int) -> None:
    starts = np.array([start for start, _ in spans])
    ends = starts + np.array([length for _, length in spans])
    rows = on_grid(make_sides(len(spans), start_ns=starts, end_ns=ends, side=CLIENT_FINAL), origin_ns)
    assert (rows["start_ns"] <= starts + 1).all()  # a ns next to a point may lie on its other side
    assert (starts - rows["start_ns"] < NS / GRID_PER_S + 1).all()
    assert (rows["end_ns"] >= ends - 1).all()
    assert (rows["end_ns"] - ends < NS / GRID_PER_S + 1).all()
    time_s, duration_s = seconds(rows, origin_ns)
    for exact in (time_s * GRID_PER_S, duration_s * GRID_PER_S, (time_s + duration_s) * GRID_PER_S):
        assert (exact == np.rint(exact)).all()
    assert (np.rint((time_s + duration_s) * GRID_PER_S) == np.rint(time_s * GRID_PER_S + duration_s * GRID_PER_S)).all()
    again = on_grid(rows, origin_ns)
    assert abs(again["start_ns"] - rows["start_ns"]).max() <= NS / GRID_PER_S + 1


@given(st.lists(times, min_size=1), st.integers(0, 3600 * NS))
def test_a_time_on_the_grid_is_found_again_from_its_nanosecond(starts: list[int], origin_ns: int) -> None:
    sides = make_sides(len(starts), start_ns=np.array(starts), end_ns=np.array(starts))
    time_s, duration_s = seconds(on_grid(sides, origin_ns), origin_ns)
    expected = [((start - origin_ns) * GRID_PER_S) // NS for start in starts]
    assert (time_s * GRID_PER_S).astype(np.int64).tolist() == expected
    ends = [-((-(start - origin_ns) * GRID_PER_S) // NS) for start in starts]
    assert ((time_s + duration_s) * GRID_PER_S).astype(np.int64).tolist() == ends


fields = st.tuples(*[st.integers(0, 2)] * 4)
BY = ("side", "key", "start_ns", "end_ns")


@given(st.lists(fields, max_size=60))
def test_spans_that_end_together_are_in_order_of_their_start_and_their_id(rows: list[tuple[int, ...]]) -> None:
    ids = Ids([key_of(1)], Streams(1))
    sides = make_sides(len(rows), **dict(zip(BY, zip(*rows, strict=True), strict=True)) if rows else {})
    words = ids.span_words(sides).tolist()
    expected = [row for _, row in sorted(zip(words, rows, strict=True), key=lambda one: (*one[1][:1:-1], one[0]))]
    found = [tuple(int(row[name]) for name in BY) for row in in_order(sides, ids)]
    assert [row[1:] for row in found] == [row[1:] for row in expected]  # both sides of a kind have one id
    assert sorted(found) == sorted(expected)
