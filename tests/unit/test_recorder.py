"""The packed recorder: what goes in comes out, in order, for a few bytes a span."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.recording.recorder import NullRecorder, Recorder
from lab.recording.sides import SERVER

INT64 = st.integers(-(2**63), 2**63 - 1)
SIDES = st.tuples(INT64, INT64, INT64, INT64, st.integers(-(2**15), 2**15 - 1), st.integers(0, 7), st.integers(0, 2))


@given(st.lists(SIDES, max_size=40))
@settings(max_examples=50)
def test_values_round_trip_in_order_however_often_the_buffer_grows(sides: list[tuple[int, ...]]) -> None:
    recorder = Recorder(capacity=1)
    for side in sides:
        recorder.span(*side)
    assert [tuple(row) for row in recorder.spans().tolist()] == sides
    assert recorder.spans_count == len(sides)


def test_what_was_read_once_is_not_read_again() -> None:
    recorder = Recorder(capacity=2)
    for request in range(5):
        recorder.span(request, 0, 1, 0, 0, 0, SERVER)
    assert recorder.spans(3)["request"].tolist() == [3, 4]
    assert recorder.spans(5)["request"].tolist() == []


def test_recording_goes_on_after_reading() -> None:
    recorder = Recorder(capacity=1)
    recorder.span(1, 0, 1, 0, 0, 0, SERVER)
    before = recorder.spans()
    recorder.span(2, 0, 1, 0, 0, 0, SERVER)
    assert before["request"].tolist() == [1]
    assert recorder.spans()["request"].tolist() == [1, 2]


def test_a_span_takes_less_than_a_hundred_bytes_with_the_room_kept_for_more() -> None:
    spans = 100_000
    tracemalloc.start()
    recorder = Recorder()
    for request in range(spans):
        recorder.span(request, request, request + 5, 7, 3, 0, SERVER)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / spans < 100
    assert recorder.buffer_bytes / spans < 100
    assert peak / spans < 150, "while growing, the old buffer may be there beside the new one"
    assert Recorder.RECORD_BYTES < 50


def test_lines_are_kept_unrendered() -> None:
    recorder = Recorder()
    recorder.log(5, "db", "ERROR", "template", 3, "age", 2.5)
    (line,) = recorder.logs
    assert (line.time_ns, line.component, line.request, line.arguments) == (5, "db", 3, ("age", 2.5))


def test_the_recorder_that_keeps_nothing_keeps_nothing() -> None:
    recorder = NullRecorder()
    recorder.span(1, 0, 1, 0, 0, 0, SERVER)
    recorder.log(5, "db", "ERROR", "template", 3)
    assert recorder.spans_count == 0
    assert recorder.logs == []
