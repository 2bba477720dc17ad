"""The calendar of a run, ready to print: a column a period, a row for each job, dataset and column that moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lab.report.calendar_cells import COLOURS, Cell, dataset_cells, drift_cells, in_use_cells, job_cells, pile_cells
from lab.report.calendar_lines import LineRow, line_row
from lab.report.calendar_words import how_it_differed, when_it_differed
from lab.report.format import quantity
from lab.signals.periods.differences import CALM_PSI, LASTING
from lab.signals.periods.shapes import Calendar, Difference, Moment, Period

MOST_NAMED = 4
"""In the opening sentence."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column: day of the week and of the month, where dates are known, and the number."""

    weekday: str
    day: str
    number: int
    tip: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `css` says of what; `is_moved`: in truth the fault moved it."""

    name: str
    tip: str
    css: str
    cells: tuple[Cell, ...]
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one name. `note` says how they are to be read."""

    name: str
    note: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of the legend of a stack, from the top: its colour, and its share in the first and the last period."""

    name: str
    colour: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class StackRow:
    """Shares that make up a whole."""

    name: str
    doc: str
    parts: tuple[Part, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One difference in words."""

    since: str
    until: str
    subject: str
    how: str
    is_moved: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """What is true or was found, at a time or over one: drawn above everything. `css` names its colour."""

    row: str
    css: str
    at_s: float
    until_s: float | None
    text: str
    sign: str = ""


@dataclass(frozen=True, slots=True)
class CalendarView:
    """All that the template prints. `since`: places of the columns in which a fault began."""

    word: str
    months: tuple[tuple[str, int], ...]
    heads: tuple[Head, ...]
    bands: tuple[Row, ...]
    lines: tuple[LineRow, ...]
    others: tuple[LineRow, ...]
    groups: tuple[Group, ...]
    stacks: tuple[StackRow, ...]
    opening: str
    first: int | None
    lasting: tuple[Told, ...]
    passing: tuple[Told, ...]
    calm: int
    since: frozenset[int]


def calendar_view(
    calendar: Calendar,
    marks: Sequence[Mark],
    moved: frozenset[str],
    without: Mapping[tuple[str, str], Sequence[float | None]] | None = None,
) -> CalendarView:
    """The calendar with what is known of the truth: `marks` above it, and the subjects that the fault moved.

    `without`: by signal and subject what indicators would have been without any fault, period by period.
    """
    since = sorted({_place(calendar, mark.at_s) for mark in marks if mark.css == "fault"} - {-1})
    lasting, passing = _lasting(calendar)
    opening = _first(calendar, lasting)
    first = opening[0].first if opening else None
    lines = [
        line_row(row, calendar.periods, (without or {}).get((row.signal, row.subject), ()), since, first)
        for row in calendar.indicators
    ]
    others = [
        line_row(replace(row, signal=f"{row.signal} of {row.subject}"), calendar.periods, (), since, first)
        for row in calendar.moved
    ]
    shown = [row for row in calendar.drift if _has_moved(row.psi, row.nulls)]
    return CalendarView(
        word=calendar.word,
        months=tuple(_months(calendar.periods)),
        heads=tuple(_head(period) for period in calendar.periods),
        bands=tuple(_bands(calendar, marks)),
        lines=tuple(lines),
        others=tuple(others),
        groups=tuple(_groups(calendar, shown, moved)),
        stacks=tuple(_stacks(calendar)),
        opening=_opening(calendar, opening),
        first=first,
        lasting=tuple(_with_announced(calendar, lasting, moved)),
        passing=tuple(_told(calendar, passing, moved)),
        calm=len(calendar.drift) - len(shown),
        since=frozenset(since),
    )


def _told(calendar: Calendar, found: Sequence[Difference], moved: frozenset[str]) -> Iterator[Told]:
    for one in found:
        since, until = when_it_differed(calendar, one)
        yield Told(since, until, one.subject, how_it_differed(one), _subject(one.subject) in moved)


def _lasting(calendar: Calendar) -> tuple[list[Difference], list[Difference]]:
    """What lasted and what passed; a sign of the same thing with which something lasting begins belongs to it."""
    lasting = [one for one in calendar.differences if one.often >= LASTING]
    begun = {(_owner(one), place) for one in lasting for place in (one.first, one.first - 1)}
    kept = [one for one in calendar.differences if one in lasting or (_owner(one), one.first) in begun]
    return kept, [one for one in calendar.differences if one not in kept]


def _first(calendar: Calendar, lasting: Sequence[Difference]) -> list[Difference]:
    """What a page opens with: what lasted until the end, or the period before it; where nothing did, whatever lasted.

    Levels that drift are left out: those that went less than half of their way at once.
    """
    last = len(calendar.periods) - 1
    until_now = [one for one in lasting if one.often >= LASTING and one.last >= last - 1]
    return [one for one in until_now if one.what != "level" or _is_abrupt(one)] or until_now or [*lasting]


def _is_abrupt(one: Difference) -> bool:
    if one.before is None or one.at_first is None or one.after is None:
        return True
    return abs(one.at_first - one.before) >= abs(one.after - one.before) / 2


def _owner(one: Difference) -> str:
    """The job, dataset or signal that a difference is of: a column's dataset."""
    return one.subject.partition(".")[0]


def _opening(calendar: Calendar, lasting: Sequence[Difference]) -> str:
    """The first lasting change in one sentence, with what else began by the next period."""
    if not lasting:
        return "Nothing that was looked at here changed for longer."
    first = lasting[0]
    then = [one.subject for one in lasting[1:] if one.subject != first.subject]
    others = list(dict.fromkeys(then))
    more = f"; then {', '.join(others[:MOST_NAMED])}" if others else ""
    left = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return (
        f"The first lasting change: {when_it_differed(calendar, first)[0]}, {first.subject}: "
        f"{how_it_differed(first)}{more}{left}."
    )


def _with_announced(calendar: Calendar, lasting: Sequence[Difference], moved: frozenset[str]) -> Iterator[Told]:
    """What lasted, and between it, by time, what was announced."""
    announced = [one for one in calendar.moments if one.kind != "alert"]
    places = [(_place(calendar, one.at_s), 0, Told(one.at, "", "announced", one.text, False)) for one in announced]
    rows = [(one.first, 1, told) for one, told in zip(lasting, _told(calendar, lasting, moved), strict=True)]
    yield from (told for _, _, told in sorted([*places, *rows], key=lambda row: row[:2]))


def _subject(text: str) -> str:
    """Whose a difference is: of `share of new` it is `new`."""
    return text.rpartition(" of ")[2]


def _head(period: Period) -> Head:
    weekday, _, rest = period.day.partition(" ")
    return Head(weekday[:2], rest.partition(" ")[0], period.number, ", ".join(filter(None, (period.name, period.day))))


def _months(periods: Sequence[Period]) -> Iterator[tuple[str, int]]:
    """Names of months, where dates are known, and how many columns each has."""
    for name, of in groupby(periods, key=lambda period: period.day.rpartition(" ")[2]):
        if name:
            yield name, len(list(of))


def _place(calendar: Calendar, at_s: float) -> int:
    return next((i for i, one in enumerate(calendar.periods) if one.starts_s <= at_s < one.ends_s), -1)


def _bands(calendar: Calendar, marks: Sequence[Mark]) -> Iterator[Row]:
    """What is true, found, announced and alerted: a row for each name, in the order in which they come."""
    known = [*marks, *(_mark(moment) for moment in calendar.moments)]
    for name in dict.fromkeys(mark.row for mark in known):
        mine = [mark for mark in known if mark.row == name]
        cells = tuple(_band_cell(period, mine) for period in calendar.periods)
        yield Row(name, "; ".join(dict.fromkeys(mark.text for mark in mine)), "band", cells)


def _mark(moment: Moment) -> Mark:
    if moment.kind == "clock":
        return Mark("change log", "clock", moment.at_s, None, f"{moment.at}: {moment.text}", "◷")
    if moment.kind == "change":
        return Mark("change log", "change", moment.at_s, None, f"{moment.at}: {moment.text}", "▲")
    return Mark("alerts", "alert", moment.at_s, moment.until_s, f"from {moment.at}: {moment.text}", "!")


def _band_cell(period: Period, marks: Sequence[Mark]) -> Cell:
    here = [mark for mark in marks if _is_in(period, mark)]
    if not here:
        return Cell("", "", "")
    begun = [mark for mark in here if period.starts_s <= mark.at_s < period.ends_s and mark.sign]
    css = here[0].css + (" long" if here[0].until_s is not None else "")
    sign = str(len(begun)) if len(begun) > 1 else begun[0].sign if begun else ""
    return Cell(css, sign, "; ".join(mark.text for mark in here))


def _is_in(period: Period, mark: Mark) -> bool:
    if mark.until_s is None:
        return period.starts_s <= mark.at_s < period.ends_s
    return mark.at_s < period.ends_s and mark.until_s > period.starts_s


def _has_moved(psi: Sequence[float | None], nulls: Sequence[float | None]) -> bool:
    known = [one for one in nulls if one is not None]
    return any(one is not None and one >= CALM_PSI for one in psi) or (
        bool(known) and max(known) - min(known) > CALM_PSI
    )


def _groups(calendar: Calendar, shown: Sequence[object], moved: frozenset[str]) -> Iterator[Group]:
    jobs = [
        Row(row.job, _needs(row.needs), "job", job_cells(row, calendar.periods), row.job in moved)
        for row in calendar.jobs
    ]
    datasets = [
        Row(row.dataset, f"written by {row.job}", "dataset", dataset_cells(row, calendar.periods), row.dataset in moved)
        for row in calendar.datasets
    ]
    columns = [
        Row(
            f"{row.dataset}.{row.column}",
            "",
            "drift",
            drift_cells(row, calendar.periods),
            f"{row.dataset}.{row.column}" in moved,
        )
        for row in calendar.drift
        if row in shown
    ]
    in_use = [Row(f"{row.signal} {row.subject}", row.doc, "in-use", in_use_cells(row)) for row in calendar.in_use]
    yield Group("Jobs", "in the order in which they need each other", tuple(jobs))
    if in_use:
        yield Group("In use", "a colour for each version, its number where it came", tuple(in_use))
    if datasets:
        yield Group(
            "Datasets",
            "a box is a version, as high as its rows are many; another colour is another schema",
            tuple(datasets),
        )
    if columns:
        yield Group(
            "Columns that moved",
            "distance from the first versions (PSI): from 0.1 told, from 0.25 a population has moved",
            tuple(columns),
        )


def _needs(needs: Sequence[str]) -> str:
    return f"needs {', '.join(needs)}" if needs else ""


def _stacks(calendar: Calendar) -> Iterator[StackRow]:
    for stack in calendar.stacks:
        known = [[one for one in values if one is not None] for values in stack.values]
        parts = [
            Part(subject.rpartition(".")[2], i % COLOURS, quantity(of[0], "ratio"), quantity(of[-1], "ratio"))
            for i, (subject, of) in enumerate(zip(stack.subjects, known, strict=True))
            if of
        ]
        yield StackRow(stack.signal, stack.doc, tuple(parts), pile_cells(stack, calendar.periods))


def moved_subjects(effects: Mapping[str, Sequence[Mapping[str, object]]]) -> frozenset[str]:
    """Whatever any of the faults moved in truth, by the names of its signals' subjects."""
    return frozenset(str(one["subject"]) for moved in effects.values() for one in moved)
