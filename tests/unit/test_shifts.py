"""Change points: what is found in a series, from where on, and what one odd interval may not do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engines.shifts import contrast, counting_sd, median, noise_sd, outside, scan, scan_towards, sporadic
from lab.signals import Series


def series(values: Any) -> Series:
    values = np.asarray(values, float)
    return Series("error_ratio", "x", 5.0 * np.arange(1, len(values) + 1), values)


@given(
    start=st.integers(12, 60), length=st.integers(8, 30), size=st.floats(1, 50), sign=st.sampled_from([-1, 1]),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_a_scan_finds_a_planted_segment(start: int, length: int, size: float, sign: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 0.1, 120)
    values[start : start + length] += sign * size
    for found in (scan(series(values)), scan_towards(series(values), sign)):
        assert found is not None
        assert found.onset_s == pytest.approx(5.0 * start, abs=10)
        assert found.end_s == pytest.approx(5.0 * (start + length), abs=10)
        assert found.change == pytest.approx(sign * size, rel=0.2)


def test_a_larger_fall_does_not_hide_a_rise() -> None:
    values = np.random.default_rng(1).normal(0, 0.1, 120)
    values[20:40] += 2
    values[80:100] -= 5
    rise = scan_towards(series(values), 1)
    assert rise is not None
    assert (rise.onset_s, rise.end_s) == pytest.approx((100, 200), abs=10)


def test_a_shift_is_found_that_two_intervals_precede() -> None:
    found = scan(series([0, 0, 0.6, 1, 1, 1, 1, *[0] * 20]), 0.01)
    assert found is not None
    assert (found.onset_s, found.end_s) == (10.0, 35.0)


def test_the_onset_is_walked_back_over_the_foot_of_a_ramp() -> None:
    """The best segment of a ramp begins where it is steep; what rises before it belongs to it as well."""
    values = np.concatenate([np.zeros(30), np.linspace(0, 1, 21)[1:-1], np.ones(20), np.zeros(30)])
    values += np.tile([0.004, -0.004], len(values))[: len(values)]
    found = scan(series(values))
    assert found is not None
    assert found.onset_s == pytest.approx(5.0 * 30, abs=10)
    without_foot = scan(series(np.where((np.arange(len(values)) < 45) & (np.arange(len(values)) > 30), 0, values)))
    assert without_foot is not None
    assert without_foot.onset_s == pytest.approx(5.0 * 45, abs=5)


def test_the_walk_back_stops_at_what_is_usual() -> None:
    values = np.random.default_rng(7).normal(0, 0.1, 100)
    values[50:70] += 5
    found = scan(series(values))
    assert found is not None
    assert found.onset_s == 250.0


def test_the_walk_back_stops_at_what_is_usual_where_nothing_comes_from_then_on() -> None:
    values = np.random.default_rng(7).normal(1000, 80, 28)
    values[9:11] = 960, 950  # a little less than usual, as on other days
    values[11:] = 0
    found = scan(series(values))
    assert found is not None
    assert found.onset_s == 55.0


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 40, [0.0] * 9, [*[np.nan] * 40, 1.0]])
def test_where_too_little_is_left_nothing_is_found(values: list[float]) -> None:
    assert scan(series(values)) is None


@given(st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")) | st.just(0.5), max_size=60), st.sampled_from([-1, 0, 1]))
def test_any_series_can_be_scanned(values: list[float], direction: int) -> None:
    found = scan(series(values), 0.01) if direction == 0 else scan_towards(series(values), direction, 0.01)
    assert found is None or found.onset_s < found.end_s


def test_one_odd_interval_is_no_shift_and_two_are() -> None:
    quiet = np.zeros(60)
    for odd, sound in ((1, False), (2, True), (5, True)):
        values = quiet.copy()
        values[30 : 30 + odd] = 0.2
        scanned, compared = scan(series(values), 0.004), contrast(series(values), 145, 170, 0.004)
        assert scanned is not None
        assert compared is not None
        assert (scanned.is_sound, compared.is_sound) == (sound, sound), odd


def test_what_is_known_of_few_intervals_only_does_not_speak_for_the_window() -> None:
    values = np.full(60, 0.002)
    values[20:50] = np.nan
    values[48:50] = 0.09
    compared = contrast(series(values), 100.0, 250.0, 0.0002)
    assert compared is not None
    assert compared.covered == pytest.approx(2 / 30)
    assert not compared.is_sound


def test_a_signal_that_is_known_now_and_then_covers_a_window_as_it_covers_the_rest() -> None:
    values = np.where(np.arange(60) % 2, np.nan, 1.0)
    values[20:40:2] = 3
    compared = contrast(series(values), 100.0, 200.0, 0.1)
    assert compared is not None
    assert compared.covered == pytest.approx(1.0)
    assert compared.is_sound


def test_what_lies_outside_of_known_windows_is_compared_alone() -> None:
    values = np.zeros(60)
    values[10:20], values[40:50] = 9.0, 3.0
    rest = outside(series(values), [(45.0, 105.0)])
    assert int(np.isnan(rest.values).sum()) == 12
    shift = contrast(rest, 200.0, 250.0, 0.1)
    assert shift is not None
    assert (shift.baseline, shift.observed) == (0.0, 3.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_median_is_that_of_numpy_to_the_last_bit(values: list[float]) -> None:
    assert median(np.array(values)) == float(np.median(values))


def test_what_is_searched_again_does_not_reach_across_what_is_known() -> None:
    """The tail of a shift, too short to be one, does not become one together with what lay before the shift."""
    values = np.tile([0.01, -0.01], 40)
    values[30:34], values[34:50], values[50:53] = 0.5, 5.0, 3.0
    first = scan(series(values))
    assert first is not None
    assert (first.onset_s, first.end_s) == (150.0, 265.0)
    known = [(165.0, 255.0)]
    again = scan_towards(series(values), 1, 0.0, known)
    assert again is not None
    assert again.end_s <= 165.0 or again.onset_s >= 255.0


@given(
    values=st.lists(st.floats(-10, 10), min_size=24, max_size=60), begin=st.integers(2, 20), length=st.integers(1, 20),
    direction=st.sampled_from([-1, 1]),
)  # fmt: skip
def test_no_segment_lies_on_both_sides_of_a_known_window(
    values: list[float], begin: int, length: int, direction: int
) -> None:
    known = (5.0 * begin, 5.0 * (begin + length))
    found = scan_towards(series(values), direction, 0.01, [known])
    assert found is None or found.end_s <= known[0] or found.onset_s >= known[1]


def test_a_rise_may_reach_across_the_dip_that_was_set_aside() -> None:
    values = np.tile([0.01, -0.01], 50)
    values[30:60] += 1.0
    values[42:47] -= 20.0
    rise = scan_towards(series(values), 1)
    assert rise is not None
    assert (rise.onset_s, rise.end_s) == (150.0, 300.0)


def test_a_share_of_few_varies_as_often_as_few_are_counted() -> None:
    """One in a hundred, ten an interval: most intervals have none, and neighbours tell of no noise."""
    ten = series(np.full(2000, 2.0))  # a second, of which an interval has five
    shares = series(np.random.default_rng(1).binomial(10, 0.01, 2000) / 10)
    assert noise_sd(shares.values) < 0.001
    assert counting_sd(shares, ten) == pytest.approx(shares.values.std(), rel=0.05)


def test_a_share_of_many_varies_less_and_one_of_none_is_not_known_to() -> None:
    shares = series([0.0, 0.1] * 50)
    few, many = (counting_sd(shares, series(np.full(100, rate))) for rate in (1.0, 100.0))
    assert few == pytest.approx(10 * many)
    assert counting_sd(shares, series(np.zeros(100))) == 0
    assert counting_sd(series(np.full(100, np.nan)), series(np.ones(100))) == 0


def test_what_comes_and_goes_lasts_from_the_first_time_to_the_last() -> None:
    values = np.zeros(28)
    values[[11, 15, 16, 24]] = 0.5
    found = sporadic(series(values.tolist()), 1, 0.1)
    assert found is not None
    assert (found.onset_s, found.end_s) == (55.0, 125.0)
    assert found.is_sound
    assert found.change == pytest.approx(4 * 0.5 / 14)


@pytest.mark.parametrize("odd", [[], [11]])
def test_once_is_not_now_and_then(odd: list[int]) -> None:
    values = np.zeros(28)
    values[odd] = 0.5
    found = sporadic(series(values.tolist()), 1, 0.1)
    assert found is None or not found.is_sound


def test_what_comes_most_of_the_time_is_not_what_is_usual() -> None:
    values = np.zeros(28)
    values[10:] = [-0.5, -0.5, 0.0] * 6
    found = sporadic(series(values.tolist()), -1, 0.1)
    assert found is not None
    assert found.onset_s == 50.0
