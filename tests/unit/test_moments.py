"""Times of an incident as people write them: one reader for the command line, the API and the pages."""

from __future__ import annotations

from datetime import date

import pytest

from lab.errors import UserError
from lab.systems.calendar import Calendar
from lab.systems.moments import moment_s, told

DAY_S, HOUR_S = 86_400.0, 3600.0
END_S = 28 * DAY_S
NIGHTS = Calendar(date(2026, 10, 5), "Europe/Berlin", "night", DAY_S)
"""Night 1 begins on Mon 5 Oct at 02:00, which is midnight UTC."""


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("night 11", 10 * DAY_S),
        ("Night 11", 10 * DAY_S),
        ("11", 10 * DAY_S),
        ("15 Oct", 10 * DAY_S),
        ("Thu 15 Oct", 10 * DAY_S),
        ("15 October 2026", 10 * DAY_S),
        ("Oct 15", 10 * DAY_S),
        ("2026-10-15", 10 * DAY_S),
        ("Wed 14 Oct 12:00", 9 * DAY_S + 10 * HOUR_S),
        ("2026-10-15 03:00", 10 * DAY_S + HOUR_S),
        ("2026-10-15T03:00", 10 * DAY_S + HOUR_S),
        ("night 11, 03:10", 10 * DAY_S + HOUR_S + 600),
        ("9d12h", 9.5 * DAY_S),
        ("36h", 1.5 * DAY_S),
        ("end of night 28, Mon 2 Nov 01:00", END_S),
        ("  28 ", 27 * DAY_S),
    ],
)
def test_with_a_calendar_periods_dates_and_offsets_are_times(text: str, at_s: float) -> None:
    assert moment_s(text, NIGHTS, END_S) == at_s


@pytest.mark.parametrize("at_s", [0.0, 10 * DAY_S, 10 * DAY_S + HOUR_S, 20 * DAY_S + 2.5 * HOUR_S, END_S - 60])
def test_what_is_told_of_a_time_is_read_again(at_s: float) -> None:
    assert moment_s(told(at_s, NIGHTS), NIGHTS, END_S) == at_s


def test_a_time_of_day_is_that_of_the_zone_before_and_after_clocks_were_changed() -> None:
    assert moment_s("24 Oct 12:00", NIGHTS, END_S) == 19 * DAY_S + 10 * HOUR_S
    assert moment_s("26 Oct 12:00", NIGHTS, END_S) == 21 * DAY_S + 11 * HOUR_S


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Thu 14 Oct", "14 Oct 2026 is a Wednesday"),
        ("15 Okt", "there is no month 'okt'"),
        ("31 Sep", "there is no such date"),
        ("0", "the incident has night 1 to night 28"),
        ("29", "the incident has night 1 to night 28"),
        ("3 Nov", "after the incident's end"),
        ("4 Oct", "before the incident begins"),
        ("11.5", "a number needs its unit, such as s, m, h or d, or is the number of a night"),
        ("9999d", "expected a night by its number, a date, or a time since the beginning"),
        ("about then", "expected a night by its number"),
    ],
)
def test_what_is_no_time_of_the_incident_is_said_with_what_is(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        moment_s(text, NIGHTS, END_S)


def test_examples_are_of_this_very_incident_and_are_times_of_it() -> None:
    with pytest.raises(UserError) as refused:
        moment_s("?", NIGHTS, END_S)
    (problem,) = refused.value.problems
    assert problem.hint == "write it as night 15, 15, 19 Oct, Mon 19 Oct 02:00, 2026-10-19, or 14d since the beginning"
    written = problem.hint.removeprefix("write it as ").removesuffix(" since the beginning").replace("or ", "")
    assert {moment_s(one, NIGHTS, END_S) for one in written.split(", ")} == {14 * DAY_S}


def test_a_date_is_midnight_where_periods_are_no_days() -> None:
    weeks = Calendar(date(2026, 10, 5), "UTC", "week", 7 * DAY_S)
    assert moment_s("week 2", weeks, END_S) == moment_s("12 Oct", weeks, END_S) == 7 * DAY_S
    assert moment_s("14 Oct", weeks, END_S) == 9 * DAY_S
    hours = Calendar(date(2026, 10, 5), "UTC", "run", HOUR_S)
    assert moment_s("6 Oct", hours, 2 * DAY_S) == moment_s("run 25", hours, 2 * DAY_S) == DAY_S


@pytest.mark.parametrize(("text", "at_s"), [("160s", 160), ("05:12", 312), ("1:05:12", 3912), ("2h", 7200)])
def test_without_a_calendar_clocks_and_amounts_with_a_unit_are_times(text: str, at_s: float) -> None:
    assert moment_s(text, None, 7200.0) == at_s


@pytest.mark.parametrize("text", ["nine", "9", "night 11", "15 Oct", "2026-10-15", "3h"])
def test_without_a_calendar_nothing_else_is(text: str) -> None:
    with pytest.raises(UserError):
        moment_s(text, None, 7200.0)
