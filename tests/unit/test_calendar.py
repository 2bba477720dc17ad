"""Dates of scenario times, and what people call a period of a system's jobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import UserError
from lab.recording.describing import describe
from lab.systems.calendar import Calendar, told_time, told_window, usual_period_s
from lab.systems.files import load_system

SYSTEM = Path(__file__).parents[1] / "systems" / "chained.system.yaml"
DAY_S, HOUR_S = 86_400.0, 3600.0


def calendar(tmp_path: Path, **keys: str) -> Calendar | None:
    """That of a system with these keys, as its recordings have it."""
    path = tmp_path / "dated.system.yaml"
    path.write_text(f"{SYSTEM.read_text(encoding='utf-8')}calendar: {json.dumps(keys)}\n", encoding="utf-8")
    system = load_system(str(path))
    recorded = Calendar.recorded(describe(system, 10 * DAY_S))
    assert recorded == Calendar.of(system)
    return recorded


def test_times_are_told_where_people_are_and_counted_in_periods(tmp_path: Path) -> None:
    dated = calendar(tmp_path, begins="2026-10-05", zone="Europe/Berlin", period="night")
    assert dated is not None
    assert dated.label(11 * DAY_S + 1 * HOUR_S + 600) == "night 12, Fri 16 Oct 03:10"
    assert (dated.number(0.0), dated.number(DAY_S - 1e-3), dated.number(DAY_S)) == (1, 1, 2)
    assert [dated.count(days * DAY_S) for days in (0.5, 1, 14.2)] == ["0.5 nights", "1 night", "14 nights"]


def test_what_lasts_to_the_end_of_a_night_does_not_reach_the_next(tmp_path: Path) -> None:
    dated = calendar(tmp_path, begins="2026-10-05", zone="Europe/Berlin", period="night")
    window = "night 12, Fri 16 Oct 03:10 – end of night 28, Mon 2 Nov 01:00"
    assert told_window(11 * DAY_S + HOUR_S + 600, 28 * DAY_S, dated) == window
    assert told_window(DAY_S, DAY_S + HOUR_S, dated) == "night 2, Tue 6 Oct 02:00 – night 2, Tue 6 Oct 03:00"


def test_an_hour_is_there_twice_where_clocks_change(tmp_path: Path) -> None:
    dated = calendar(tmp_path, begins="2026-10-25", zone="Europe/Berlin")
    assert dated is not None
    assert [dated.label(hour * HOUR_S)[-5:] for hour in (0, 1)] == ["02:00", "02:00"]
    assert dated.word == "period"


def test_a_period_is_that_of_most_jobs() -> None:
    assert usual_period_s([DAY_S, 7 * DAY_S, DAY_S]) == DAY_S
    assert usual_period_s([DAY_S, HOUR_S]) == HOUR_S


def test_without_a_calendar_times_are_told_in_days(tmp_path: Path) -> None:
    assert Calendar.of(load_system(str(SYSTEM))) is None
    assert (told_time(12 * DAY_S, None), told_window(DAY_S, 2 * DAY_S, None)) == ("12d", "1d–2d")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"begins": "5.10.2026"}, "expected: a date: 2026-10-05"),
        ({"begins": "9999-12-25"}, "expected: a date of a year from 1900 to 2199"),
        ({"begins": "2026-10-05", "zone": "Berlin"}, "expected: a time zone by its IANA name"),
        ({"begins": "2026-10-05", "period": "Night!"}, "period"),
    ],
)
def test_what_is_wrong_with_one_is_said(tmp_path: Path, keys: dict[str, str], expected: str) -> None:
    with pytest.raises(UserError) as refused:
        calendar(tmp_path, **keys)
    assert expected in str(refused.value)
