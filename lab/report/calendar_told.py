"""A calendar told in words: what changed first, and a list of all that was not as before.

Reports, pages and the API say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from lab.report.calendar_words import (
    day_of,
    how_it_differed,
    is_still_so,
    lineage_lines,
    unknown_lines,
    when_it_differed,
    where_else,
)
from lab.signals.periods.differences import LASTING
from lab.signals.periods.shapes import Calendar, Difference, Moment
from lab.signals.periods.versions import only_gains

MOST_NAMED = 3
"""In the opening sentence."""
LEVELS = ("level", "shares")
"""What may drift."""
ANNOUNCED: dict[str, str] = {"change": "announced", "clock": "clocks", "action": "done"}


@dataclass(frozen=True, slots=True)
class Line:
    """One difference in words, or something that was announced or done meanwhile.

    `subjects`: what it is of, and the copies of it. `signal`: as `SIGNAL:SUBJECT`, what it is the level of; empty where
    that is no signal. `at_s`: when it began.
    """

    kind: Literal["difference", "moment"]
    since: str
    subject: str
    how: str
    also: str
    until: str
    subjects: tuple[str, ...]
    signal: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Story:
    """`opening`: one sentence on the first lasting change; `first`: place of the period in which it began.

    `lasting`: what lasted, with what was announced and done between it, by time; `passing`: what did not last.
    `lineage`: which datasets are made from which; `unknown`: what a calendar cannot tell, a sentence each.
    """

    opening: str
    first: int | None
    lasting: tuple[Line, ...]
    passing: tuple[Line, ...]
    lineage: tuple[str, ...]
    unknown: tuple[str, ...]


def story_of(calendar: Calendar) -> Story:
    """What a calendar shows, in the order in which it began."""
    lasting, passing = _lasting(calendar)
    opening = _first(calendar, lasting)
    return Story(
        opening=_opening(calendar, opening),
        first=opening[0].since if opening else None,
        lasting=tuple(_with_moments(calendar, lasting)),
        passing=tuple(_line(calendar, one) for one in passing),
        lineage=tuple(lineage_lines(calendar.datasets)),
        unknown=tuple(unknown_lines(calendar.unmeasured)),
    )


def place_of(calendar: Calendar, at_s: float) -> int:
    """The place of the period that a time lies in; -1 for one that is not shown."""
    return next((i for i, one in enumerate(calendar.periods) if one.starts_s <= at_s < one.ends_s), -1)


def _line(calendar: Calendar, one: Difference) -> Line:
    since, until = when_it_differed(calendar, one)
    subjects = (one.subject, *(copy.subject for copy in one.also))
    at_s = calendar.periods[one.since].starts_s
    return Line(
        "difference", since, one.subject, how_it_differed(one), where_else(calendar, one), until, subjects,
        one.signal, at_s,
    )  # fmt: skip


def _lasting(calendar: Calendar) -> tuple[list[Difference], list[Difference]]:
    """What lasted and what passed; a sign of the same thing with which something lasting begins belongs to it."""
    lasting = [one for one in calendar.differences if one.often >= LASTING]
    begun = {(_owner(one), at - before) for one in lasting for at in (one.since, one.first) for before in (0, 1)}
    kept = [one for one in calendar.differences if one in lasting or (_owner(one), one.since) in begun]
    return kept, [one for one in calendar.differences if one not in kept]


def _first(calendar: Calendar, lasting: Sequence[Difference]) -> list[Difference]:
    """What a page opens with, where there is any: all that lasted, but what is likely to mean little.

    That is a schema that only gained columns. Levels and shares swing and drift by themselves, so of those it is what
    was not back before the last period but one, and went half of its way at once.
    """
    last = len(calendar.periods) - 1
    lasted = [one for one in lasting if one.often >= LASTING]
    lasted = [one for one in lasted if not _only_gained(one)] or lasted
    stayed = [one for one in lasted if one.what not in LEVELS or one.stretches[-1].last >= last - 1]
    return [one for one in stayed if one.what not in LEVELS or _is_abrupt(one)] or stayed or lasted


def _only_gained(one: Difference) -> bool:
    """Whether it is a schema with more columns than before, which breaks little."""
    return one.what == "schema" and only_gains(one.detail)


def _is_abrupt(one: Difference) -> bool:
    if one.before is None or one.at_first is None or one.after is None:
        return True
    return abs(one.at_first - one.before) >= abs(one.after - one.before) / 2


def _owner(one: Difference) -> str:
    """The job, dataset or signal that a difference is of: a column's dataset."""
    return one.subject.partition(".")[0]


def _opening(calendar: Calendar, lasting: Sequence[Difference]) -> str:
    """The first lasting change in one sentence, with what else began then and later."""
    if not lasting:
        return "Nothing that was looked at here changed for longer."
    first = lasting[0]
    told = _line(calendar, first)
    begun: dict[str, int] = {}
    for one in lasting:
        begun.setdefault(one.subject, one.since)
    others = [(subject, place) for subject, place in begun.items() if subject not in told.subjects]
    also = f" ({told.also})" if told.also else ""
    more = "".join(
        f"; {_when_else(calendar, place, first)} {', '.join(subject for subject, _ in of)}"
        for place, of in groupby(others[:MOST_NAMED], key=lambda of: of[1])
    )
    left = f"; and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return f"{_when_first(calendar, first)}, {told.subject}: {told.how}{also}{more}{left}."


def _when_first(calendar: Calendar, first: Difference) -> str:
    since, last = day_of(calendar, first.since), first.stretches[-1]
    if _only_gained(first):
        return f"Only new columns lasted: {since}"
    if is_still_so(calendar, last) and not first.again:
        return f"The first lasting change: {since}"
    if first.again:
        end = f"the last {calendar.word}" if is_still_so(calendar, last) else calendar.periods[last.last].name
        return f"The first change that lasted a while: since {since}, not in every {calendar.word}, last in {end}"
    return f"The first change that lasted a while: from {since}, to {calendar.periods[last.last].name}"


def _when_else(calendar: Calendar, place: int, first: Difference) -> str:
    return f"in the same {calendar.word} also" if place == first.since else f"from {calendar.periods[place].name}"


def _with_moments(calendar: Calendar, lasting: Sequence[Difference]) -> Iterator[Line]:
    """What lasted, and between it, by time, what was announced and done."""
    moments = sorted((one for one in calendar.moments if one.kind in ANNOUNCED), key=lambda one: one.at_s)
    for one in lasting:
        by_s = _known_s(calendar, one)
        while moments and moments[0].at_s < by_s:
            yield _of_moment(moments.pop(0))
        yield _line(calendar, one)
    yield from map(_of_moment, moments)


def _known_s(calendar: Calendar, one: Difference) -> float:
    """When a difference began: as its dataset was written or its job ended then; else at the end of that period."""
    owner, period = _owner(one), calendar.periods[one.since]
    written = next((row.cells[one.since] for row in calendar.datasets if row.dataset == owner), None)
    if written is not None and written.version.written_s >= period.starts_s:
        return written.version.written_s
    run = next((row.cells[one.since] for row in calendar.jobs if row.job == owner), None)
    return run.attempts[-1].ended_s if run is not None and run.attempts else period.ends_s


def _of_moment(one: Moment) -> Line:
    return Line("moment", one.at, ANNOUNCED[one.kind], one.text, "", "", (), "", one.at_s)
