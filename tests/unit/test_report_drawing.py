"""Numbers, ticks and panels of the report: right about units, gaps and spikes."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree

import numpy as np
import pytest

from lab.report.charts import MAX_POINTS, Line, gaps, panel, path_data, thinned
from lab.report.format import Times, long_times_told, moment, quantity, scale, shortened, significant, unbroken
from lab.report.svg import ticks, time_ticks
from lab.systems.calendar import Calendar


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.97, "ratio", "97 %"),
        (0.0006, "ratio", "0.06 %"),
        (0.0, "ratio", "0 %"),
        (0.12, "s", "120 ms"),
        (0.0004, "s", "400 µs"),
        (3.25, "s", "3.25 s"),
        (240.0, "s", "240 s"),
        (900.0, "s", "15 min"),
        (0.0, "s", "0 s"),
        (50.12, "1/s", "50.1/s"),
        (12345.0, "1", "12,345"),
        (-0.5, "1", "-0.5"),
        (1e-7, "1", "1e-07"),
        (6e-33, "1", "0"),
        (-7e-18, "ratio", "0 %"),
        (None, "s", "–"),
        (float("nan"), "ratio", "–"),
        (float("inf"), "1", "–"),
    ],
)
def test_quantities(value: float | None, unit: str, expected: str) -> None:
    assert quantity(value, unit).replace("\N{NO-BREAK SPACE}", " ") == expected


def test_numbers_and_texts() -> None:
    assert significant(1234.5) == "1,234"
    assert significant(0.1 + 0.2) == "0.3"
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abc", 3) == "abc"
    assert unbroken("a<b a->b") == 'a&lt;b <span class="link">a-&gt;b</span>'
    assert unbroken("orders_daily.amount rose 1.5 times.") == "orders_<wbr>daily.<wbr>amount rose 1.5 times."
    assert scale("s", 0.3).unit == "ms"


def test_ticks_are_round() -> None:
    assert ticks(0.0, 104.0, 4) == [0, 50, 100]
    assert ticks(0.0, 0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert ticks(5.0, 5.0, 4) == [5.0]


HOUR_S, DAY_S = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("end_s", "last_s", "labels"),
    [
        (600.0, 600.0, ["0", "120", "240", "360", "480", "600 s"]),
        (3 * HOUR_S, 3 * HOUR_S, ["0", "0.5", "1", "1.5", "2", "2.5", "3 h"]),
        (48 * HOUR_S, 48 * HOUR_S, ["0", "8", "16", "24", "32", "40", "48 h"]),
        (9.5 * DAY_S, 8 * DAY_S, ["0", "2", "4", "6", "8 d"]),
        (60 * DAY_S, 60 * DAY_S, ["0", "10", "20", "30", "40", "50", "60 d"]),
    ],
)
def test_the_time_axis_is_labelled_in_seconds_hours_or_days(end_s: float, last_s: float, labels: list[str]) -> None:
    found = time_ticks(end_s, 6)
    assert [label for _, label in found] == labels
    assert found[-1][0] == last_s


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (240.0, "240 s"), (28.125, "28.125 s"), (7199.0, "7,199 s"), (7200.0, "2h"), (28_860.0, "8h1m"),
        (35_999.0, "10h"), (172_800.0, "2d"), (4 * DAY_S + 10_900, "4d3h"), (-5.0, "-5 s"),
        (-9000.0, "-2h30m"),
    ],
)  # fmt: skip
def test_late_times_are_told_as_commands_tell_and_take_them(time_s: float, text: str) -> None:
    assert moment(time_s).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("28800–32820 s", "8h–9h7m"),
        ("right; feed: 7020.0 s late, tolerance 28800 s", "right; feed: 7020.0 s late, tolerance 8h"),
        ("39840 s, 240 s", "11h4m, 240 s"),
        ("60–125.5 s", "60–125.5 s"),
        ("network_time_s of feed->db 0.05 → 9000", "network_time_s of feed->db 0.05 → 9000"),
        ("none", "none"),
    ],
)
def test_times_of_hours_in_a_graders_text_are_told_in_hours(text: str, told: str) -> None:
    assert long_times_told(text).replace("\N{NO-BREAK SPACE}", " ") == told


def test_a_graders_early_times_are_told_like_others_of_a_long_recording() -> None:
    assert long_times_told("1800–1860 s", 21_600.0).replace("\N{NO-BREAK SPACE}", " ") == "30m–31m"


@pytest.mark.parametrize(
    ("time_s", "end_s", "text"),
    [
        (1800.0, 7200.0, "30m"), (1800.0, 600.0, "1,800 s"), (40.0, 7200.0, "40 s"), (0.0, 7200.0, "0 s"),
        (7200.0, 9 * DAY_S, "2h"), (1800.0, 9 * DAY_S, "30m"),
    ],
)  # fmt: skip
def test_times_of_one_recording_are_told_in_the_same_units(time_s: float, end_s: float, text: str) -> None:
    assert moment(time_s, end_s).replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_missing_sample_is_a_gap_and_a_lone_one_a_dot() -> None:
    nan = float("nan")
    assert path_data([0, 1, 2, 3, 4], [1, 2, nan, 3, nan]) == "M0 1L1 2M3 3h0"


def test_a_thinned_series_tells_the_level_and_keeps_the_spikes() -> None:
    values = np.tile([0.0, 2.0], 2500)
    values[1234], values[2000:2040] = 9.0, np.nan
    times_s, means, lows, highs, size = thinned(np.arange(5000.0), values)
    assert size == 17
    assert len(means) <= MAX_POINTS
    assert np.nanmedian(means) == pytest.approx(1.0, abs=0.1)
    assert np.nanmax(highs) == 9.0
    assert times_s[np.nanargmax(highs)] - 1234.0 in range(size)
    assert np.nanmin(lows) == 0.0
    assert gaps(times_s, means) == [(2005.0, 2039.0)]
    assert times_s[-1] == 4999.0


def test_a_series_that_fits_is_drawn_as_it_is() -> None:
    values = np.array([1.0, np.nan, 3.0])
    drawn = thinned(np.arange(3.0), values)
    assert drawn.size == 1
    assert drawn.means is drawn.lows is drawn.highs is values


def test_the_band_of_a_thinned_line_ends_at_a_gap() -> None:
    values = np.tile([0.0, 2.0], 2500)
    values[2000:2500] = np.nan
    svg = panel(Line("s of x", "s", np.arange(5000.0), values, 5000.0, None, None, ()))
    bands = [path.get("d", "") for path in ElementTree.fromstring(svg).iter("path") if path.get("class") == "spread"]
    assert len(bands) == 2
    assert all(d.count("M") == 1 and d.endswith("Z") for d in bands)
    assert "spread" not in panel(Line("s of x", "s", np.arange(9.0), values[:9], 9.0, None, None, ()))


def test_missing_samples_are_framed_and_said_in_words() -> None:
    nan = float("nan")
    times_s = np.arange(5.0, 55.0, 5.0)
    values = np.array([1.0, nan, 3.0, 4.0, nan, nan, nan, 8.0, 9.0, 10.0])
    assert gaps(times_s, values) == [(5.0, 10.0), (20.0, 35.0)]
    assert gaps(times_s, np.full(10, nan)) == [(0.0, 50.0)]
    assert gaps(times_s, np.ones(10)) == gaps(times_s[:0], values[:0]) == []
    root = ElementTree.fromstring(panel(Line("s of x", "s", times_s, values, 50.0, 1.0, 9.0, ((30.0, 40.0),))))
    assert [rect.get("class") for rect in root.iter("rect")].count("gap") == 2
    assert [text.text for text in root.iter("text")].count("no sample") == 1
    assert "no sample, 20\N{NO-BREAK SPACE}s to 35\N{NO-BREAK SPACE}s" in [title.text for title in root.iter("title")]


@pytest.mark.parametrize("values", [[], [1.0], [float("nan")], [2.0] * 3])
def test_a_panel_of_hardly_anything_is_a_panel(values: list[float]) -> None:
    times_s = np.arange(5.0, 5.0 + 5 * len(values), 5.0)
    svg = panel(Line("s of x", "s", times_s, np.array(values), 15.0, None, None, ()))
    assert "nan" not in svg.lower().replace("nano", "")


def test_by_a_calendar_an_axis_has_the_dates_of_whole_periods() -> None:
    calendar = Calendar(date(2026, 10, 5), "Europe/Berlin", "night", 86_400.0)
    assert time_ticks(28 * 86_400.0, 6, calendar) == [
        (0.0, "5 Oct"), (604_800.0, "12 Oct"), (1_209_600.0, "19 Oct"), (1_814_400.0, "26 Oct"), (2_419_200.0, "2 Nov"),
    ]  # fmt: skip


def test_by_a_calendar_times_are_told_as_people_tell_them() -> None:
    times = Times(28 * 86_400.0, Calendar(date(2026, 10, 5), "Europe/Berlin", "night", 86_400.0))
    assert times.told(11 * 86_400.0 + 4200) == "night 12, Fri 16 Oct 03:10"
    assert times.span(12 * 86_400.0, times.end_s) == "night 13, Sat 17 Oct 02:00 to the end"
    assert (times.told(None), Times(600.0).told(240.0)) == ("–", moment(240.0))
