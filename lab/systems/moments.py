"""Times of an incident as people write them, read in one place: by its calendar, by a clock, or as an offset.

The command line, the API and the pages take the same, and say the same of what they cannot read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from lab.errors import Problem, UserError
from lab.files.units import clock_text, compact_duration, duration_s, time_text
from lab.systems.calendar import Calendar

_DAY_S = 86_400.0
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?"
_CLOCK = re.compile(r"(?:day (?P<day>\d+),? )?(?P<parts>\d+(?::[0-5]\d){1,2})")
_DATE = re.compile(
    r"(?:(?P<weekday>[a-z]{3,9})\.?,? )?"
    r"(?:(?P<year>\d{4})-(?P<number>\d\d)-(?P<iso>\d\d)"
    r"|(?P<before>\d{1,2})\.? (?P<name>[a-z]{3,9})\.?(?: (?P<of>\d{4}))?"
    r"|(?P<first>[a-z]{3,9})\.? (?P<after>\d{1,2})(?:,? (?P<in>\d{4}))?)"
    rf"(?:(?:,? |t){_TIME})?"
)


def moment_s(text: str, calendar: Calendar | None, end_s: float) -> float:
    """The scenario second that a text names, of an incident that ends at `end_s`.

    An offset with a unit (`160s`, `9d12h`) always is one. Without a calendar clocks are (`05:12`, `1:05:12`), with one
    periods as it numbers them (`11`, `period 11` with their word, `period 11, 03:10`) and dates in its zone (`15 Oct`,
    `Wed 14 Oct 12:00`, `2026-10-15 03:00`). A period or a date alone is where that period begins.
    UserError, with examples from this very incident, for what is none, or is not in it.
    """
    given = " ".join(text.split()).lower()
    try:
        found = _read(given, calendar, end_s)
    except ValueError as error:
        hint = f"write it as {examples(calendar, end_s)}"
        raise UserError(Problem(f"no time of the incident: {error}", seen=text[:60], hint=hint)) from error
    if problem := outside(found, calendar, end_s):
        raise UserError(replace(problem, seen=text[:60]))
    return found


def outside(at_s: float, calendar: Calendar | None, end_s: float) -> Problem | None:
    """Says so of a time before the beginning or after the end of an incident; None for any other."""
    if 0 <= at_s <= end_s:
        return None
    when = "before the incident begins" if at_s < 0 else "after the incident's end"
    expected = f"a time of the incident, from {told(0.0, calendar)} to {told_end(end_s, calendar)}"
    return Problem(f"the onset is no time of the incident: it is {when}", seen=time_text(at_s), expected=expected)


def told(at_s: float, calendar: Calendar | None) -> str:
    """How a time was understood: `period 11, Thu 15 Oct 03:00`, `02:40`."""
    return clock_text(at_s) if calendar is None else calendar.label(at_s)


def told_end(at_s: float, calendar: Calendar | None) -> str:
    """The same of a time at which something ends."""
    return clock_text(at_s) if calendar is None else calendar.end_label(at_s)


def examples(calendar: Calendar | None, end_s: float) -> str:
    """Ways to write a time in the middle of an incident."""
    middle_s = end_s / 2
    if calendar is None:
        return f"{clock_text(middle_s)}, or {compact_duration(middle_s) if middle_s >= 60 else f'{middle_s:.0f}s'}"
    number = calendar.number(middle_s)
    starts_s = (number - 1) * calendar.length_s
    there = calendar.at(starts_s)
    day = calendar.day(starts_s)
    return (
        f"{calendar.word} {number}, {number}, {day.partition(' ')[2]}, {day} {there:%H:%M}, {there:%Y-%m-%d}, "
        f"or {compact_duration(starts_s)} since the beginning"
    )


def _read(given: str, calendar: Calendar | None, end_s: float) -> float:
    if calendar is not None and (found := _by_calendar(given, calendar, end_s)) is not None:
        return found
    if calendar is None and (clock := _CLOCK.fullmatch(given)) is not None:
        parts = [float(part) for part in clock["parts"].split(":")]
        if clock["day"] is None:
            return float(sum(part * 60**i for i, part in enumerate(reversed(parts))))
        hours, minutes, *seconds = parts
        return (int(clock["day"]) - 1) * _DAY_S + 3600 * hours + 60 * minutes + sum(seconds)
    if re.fullmatch(r"\d+([.,]\d+)?", given):
        unit = "a number needs its unit, such as s, m, h or d"
        raise ValueError(unit if calendar is None else f"{unit}, or is the number of a {calendar.word}")
    try:
        return duration_s(given)
    except ValueError as error:
        raise ValueError(_expected(calendar)) from error


def _expected(calendar: Calendar | None) -> str:
    if calendar is None:
        return "expected minutes and seconds, or a number with its unit"
    return f"expected a {calendar.word} by its number, a date, or a time since the beginning"


def _by_calendar(given: str, calendar: Calendar, end_s: float) -> float | None:
    """What a text names by a calendar; None where it names nothing in such a way. ValueError for what cannot be."""
    word = re.escape(calendar.word.lower())
    if (end := re.fullmatch(rf"end of {word} (\d+)(?:, .*)?", given)) is not None:
        return min(end_s, _begin(int(end[1]), calendar, end_s) + calendar.length_s)
    if (period := re.fullmatch(rf"(?:{word} ?)?(\d+)", given)) is not None:
        return _begin(int(period[1]), calendar, end_s)
    if (period := re.fullmatch(rf"{word} (\d+)(?P<date>,? [a-z]{{3}} \d+ [a-z]{{3}})?,? {_TIME}", given)) is not None:
        begins_s = _begin(int(period[1]), calendar, end_s)
        return _in_period(begins_s, int(period["hour"]), int(period["minute"]), calendar)
    if (there := _DATE.fullmatch(given)) is None:
        return None
    day = _day(there, calendar)
    if there["hour"] is not None:
        return _since(datetime(day.year, day.month, day.day, int(there["hour"]), int(there["minute"])), calendar)
    return _of_day(day, calendar)


def _begin(number: int, calendar: Calendar, end_s: float) -> float:
    last = math.ceil(end_s / calendar.length_s - 1e-9)
    if not 1 <= number <= last:
        raise ValueError(f"the incident has {calendar.word} 1 to {calendar.word} {last}")
    return (number - 1) * calendar.length_s


def _in_period(begins_s: float, hour: int, minute: int, calendar: Calendar) -> float:
    """A time of day within a period; ValueError where the period does not have it."""
    begins = calendar.at(begins_s)
    for later in range(math.ceil(calendar.length_s / _DAY_S) + 1):
        day = date.fromordinal(begins.date().toordinal() + later)
        at_s = _since(datetime(day.year, day.month, day.day, hour, minute), calendar)
        if begins_s <= at_s < begins_s + calendar.length_s:
            return at_s
    raise ValueError(f"{calendar.word} {calendar.number(begins_s)} has no {hour}:{minute:02}")


def _of_day(day: date, calendar: Calendar) -> float:
    """Where the period begins that the calendar shows under a date; midnight where there is none."""
    midnight_s = _since(datetime(day.year, day.month, day.day), calendar)
    first = max(1, calendar.number(max(0.0, midnight_s)))
    begins = [(number - 1) * calendar.length_s for number in (first, first + 1)]
    return next((at_s for at_s in begins if calendar.at(at_s).date() == day), midnight_s)


def _since(there: datetime, calendar: Calendar) -> float:
    """The scenario time of a time of day where people are; of a time that clocks have twice the first."""
    begins = calendar.at(0.0)
    return (there.replace(tzinfo=ZoneInfo(calendar.zone)) - begins.astimezone(ZoneInfo("UTC"))).total_seconds()


def _day(found: re.Match[str], calendar: Calendar) -> date:
    """The date that was written; without a year that which is nearest to the beginning. ValueError for none."""
    name = found["name"] or found["first"]
    if name is not None and name[:3] not in _MONTHS:
        raise ValueError(f"there is no month {name!r}")
    month = int(found["number"]) if name is None else _MONTHS.index(name[:3]) + 1
    number = int(found["iso"] or found["before"] or found["after"])
    given = found["year"] or found["of"] or found["in"]
    days = list(_days([int(given)] if given else _years(calendar), month, number))
    if not days:
        raise ValueError("there is no such date")
    day = min(days, key=lambda one: abs((one - calendar.begins).days))
    weekday = found["weekday"]
    if weekday is not None and weekday[:3] != _WEEKDAYS[day.weekday()]:
        raise ValueError(f"{day.day} {day:%b %Y} is a {day:%A}")
    return day


def _years(calendar: Calendar) -> list[int]:
    return [calendar.begins.year + by for by in (-1, 0, 1)]


def _days(years: list[int], month: int, number: int) -> Iterator[date]:
    for year in years:
        try:
            yield date(year, month, number)
        except ValueError:  # not in this year
            continue
