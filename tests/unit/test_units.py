"""Quantities as people write them: what is read, what is refused, and that what is printed can be read again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lab.files.units import (
    MAX_DURATION_S,
    Duration,
    PositiveDuration,
    duration_s,
    format_duration,
    time_text,
    window_text,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("90s", 90.0),
        ("1h5m", 3900.0),
        ("1h 5m", 3900.0),
        ("2d12h", 216_000.0),
        ("2d 12h 30m", 217_800.0),
        ("1.5d", 129_600.0),
        ("1m500ms", 60.5),
        ("60d", MAX_DURATION_S),
    ],
)
def test_a_duration_is_read_from_its_parts(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("90", "with its unit"),
        ("h", "with its unit"),
        ("1h5", "with its unit"),
        ("-1s", "with its unit"),
        ("5m1h", "largest first"),
        ("1h1h", "each unit once"),
        ("61d", "at most 60d"),
        ("59d25h", "at most 60d"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        duration_s(text)


@given(st.integers(1, 60 * 86_400))
def test_what_is_printed_is_read_as_the_same(seconds: int) -> None:
    assert duration_s(format_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["2d12h", "1h 5m", "0s", "250ms", "5", "m5", "0m"])
def test_the_schema_accepts_what_is_read(text: str) -> None:
    for kind in (Duration, PositiveDuration):
        adapter = TypeAdapter(kind)
        try:
            adapter.validate_python(text)
            is_read = True
        except ValueError:
            is_read = False
        assert bool(re.search(adapter.json_schema()["pattern"], text)) == is_read


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (152.6, "152.6 s"), (7199, "7199 s"), (7200, "2h"), (216_000, "2d12h"), (866_645, "866645 s")],
)
def test_long_times_are_told_as_a_file_may_give_them(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ((30, 55.5), "30–55.5 s"),
        ((864_000, 972_000), "10d–11d6h"),
        ((30, 7200), "30 s–2h"),
        ((7000, 8000), "7000–8000 s"),
    ],
)  # fmt: skip
def test_a_window_is_told_by_its_ends(window: tuple[float, float], text: str) -> None:
    assert window_text(*window) == text
