"""The calendar of a run, ready to print: a column a period, a row for each job, dataset and column that moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lab.report.calendar_cells import COLOURS, Cell, dataset_cells, drift_cells, in_use_cells, job_cells, pile_cells
from lab.report.calendar_key import KeyEntry, key_of
from lab.report.calendar_lines import LineRow, line_row
from lab.report.calendar_told import Line, Story, place_of, story_of
from lab.report.format import quantity
from lab.signals.periods.shapes import Calendar, Moment, Period


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
    """All that the template prints. `since`: places of the columns in which a fault began.

    `moved`: subjects of the story that it moved in truth. `reading`: what a column and its times are, a sentence each.
    """

    word: str
    reading: tuple[str, ...]
    months: tuple[tuple[str, int], ...]
    heads: tuple[Head, ...]
    bands: tuple[Row, ...]
    lines: tuple[LineRow, ...]
    others: tuple[LineRow, ...]
    groups: tuple[Group, ...]
    stacks: tuple[StackRow, ...]
    story: Story
    moved: frozenset[str]
    key: tuple[KeyEntry, ...]
    calm: int
    since: frozenset[int]


def calendar_view(
    calendar: Calendar,
    marks: Sequence[Mark],
    moved: frozenset[str],
    without: Mapping[tuple[str, str], Sequence[float | None]] | None = None,
    zone: str = "",
) -> CalendarView:
    """The calendar with what is known of the truth: `marks` above it, and the subjects that the fault moved.

    `without`: by signal and subject what indicators would have been without any fault, period by period. `zone`: of the
    times that are told, as IANA names it.
    """
    since = sorted({place_of(calendar, mark.at_s) for mark in marks if mark.css == "fault"} - {-1})
    story = story_of(calendar)
    lines = [
        line_row(row, calendar.periods, (without or {}).get((row.signal, row.subject), ()), since, story.first)
        for row in calendar.indicators
    ]
    others = [
        line_row(replace(row, signal=f"{row.signal} of {row.subject}"), calendar.periods, (), since, story.first)
        for row in calendar.moved
    ]
    bands, groups = tuple(_bands(calendar, marks)), tuple(_groups(calendar, moved))
    drawn = [
        *(mark for row in (*bands, *(row for group in groups for row in group.rows)) for mark in _marks_of(row)),
        *(mark for line in (*lines, *others) for mark in line.marks),
        *(["first"] if story.first is not None else []),
        *(["since"] if since else []),
    ]
    told = (*story.lasting, *story.passing)
    return CalendarView(
        word=calendar.word,
        reading=tuple(_reading(calendar, zone)),
        months=tuple(_months(calendar.periods)),
        heads=tuple(_head(period) for period in calendar.periods),
        bands=bands,
        lines=tuple(lines),
        others=tuple(others),
        groups=groups,
        stacks=tuple(_stacks(calendar)),
        story=story,
        moved=frozenset(line.subject for line in told if _is_moved(line, moved)),
        key=key_of(drawn, calendar.word),
        calm=sum(not row.has_moved for row in calendar.drift),
        since=frozenset(since),
    )


def _reading(calendar: Calendar, zone: str) -> Iterator[str]:
    """What a column and its times are. Jobs start by UTC, as periods do: other clocks are put forward and back."""
    yield (
        f"A column is one {calendar.word} and the time until the next one begins: "
        "what is announced or done after its jobs have run stands in it, too."
    )
    if zone:
        yield f"Times are those of {zone}."
    if zone and any(moment.kind == "clock" for moment in calendar.moments):
        yield "Jobs start by UTC: from where clocks were changed (◷) on, they start at another local time."


def _marks_of(row: Row) -> Iterator[str]:
    yield from (mark for cell in row.cells for mark in cell.marks)
    yield from ["truly"] if row.is_moved else []


def _is_moved(line: Line, moved: frozenset[str]) -> bool:
    return any(_subject(subject) in moved for subject in line.subjects)


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


def _bands(calendar: Calendar, marks: Sequence[Mark]) -> Iterator[Row]:
    """What is true, found, announced and alerted: a row for each name, in the order in which they come."""
    known = [*marks, *(_mark(moment) for moment in calendar.moments)]
    for name in dict.fromkeys(mark.row for mark in known):
        mine = [mark for mark in known if mark.row == name]
        cells = tuple(_band_cell(period, mine) for period in calendar.periods)
        yield Row(name, "; ".join(dict.fromkeys(mark.text for mark in mine)), "band", cells)


def _mark(moment: Moment) -> Mark:
    if moment.kind == "clock":
        return Mark("clocks", "clock", moment.at_s, None, f"{moment.at}: {moment.text}", "◷")
    if moment.kind == "action":
        return Mark("actions", "action", moment.at_s, None, f"{moment.at}: {moment.text}", "■")
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
    drawn = ("many", here[0].css) if len(begun) > 1 else (begun[0].css if begun else here[0].css,)
    return Cell(css, sign, "; ".join(mark.text for mark in here), marks=drawn)


def _is_in(period: Period, mark: Mark) -> bool:
    if mark.until_s is None:
        return period.starts_s <= mark.at_s < period.ends_s
    return mark.at_s < period.ends_s and mark.until_s > period.starts_s


def _groups(calendar: Calendar, moved: frozenset[str]) -> Iterator[Group]:
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
        if row.has_moved
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
