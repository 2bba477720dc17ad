"""A calendar in words: since when something differed, and how; what is made from what; what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.report.format import NOTHING, quantity
from lab.signals.periods.shapes import Calendar, DatasetRow, Difference, Stretch, Unmeasured

ALIKE = 0.05
"""Levels that are no farther apart are told as one."""
RUNS = {
    "failed": "the run failed",
    "retried": "the run failed, and succeeded when it was started again",
    "skipped": "the run did not start",
    "missing": "no run was seen",
    "late": "the run ended {after} later than usual",
}
CONTENT = {
    "failed": "the write failed",
    "repeated": "the same content as before, byte for byte",
    "kept": "nothing was written",
    "again": "written more than once",
    "another": "other content than at first",
}


def when_it_differed(calendar: Calendar, one: Difference) -> tuple[str, str]:
    """In which period a difference began, and until when and how often it was there."""
    begun, *others = one.stretches
    again = "".join(f"; also {_stretch(calendar, of)}{_often(one, of)}" for of in others)
    return day_of(calendar, one.since), _until(calendar, begun) + _often(one, begun) + again


def day_of(calendar: Calendar, place: int) -> str:
    """A period and the day on which it begins."""
    period = calendar.periods[place]
    return ", ".join(filter(None, (period.name, period.day)))


def is_still_so(calendar: Calendar, of: Stretch) -> bool:
    """Whether something was so up to the last period, or up to the last that is over."""
    return all(one.ends_s < one.starts_s + calendar.period_s for one in calendar.periods[of.last + 1 :])


def _until(calendar: Calendar, of: Stretch) -> str:
    is_last = of.last + 1 == len(calendar.periods)
    if of.first == of.last:
        return f"in the last {calendar.word}" if is_last else "once"
    if is_still_so(calendar, of):
        return f"to the last {calendar.word}{'' if is_last else ' that is over'}"
    return f"until {calendar.periods[of.last].name}"


def _often(one: Difference, of: Stretch) -> str:
    """In how many periods of a stretch something was so; that is known of the longest."""
    count = of.last - of.first + 1
    return f", in {one.often} of {count}" if of.first == one.first and one.often < count else ""


def _stretch(calendar: Calendar, of: Stretch) -> str:
    first, last = calendar.periods[of.first], calendar.periods[of.last]
    return first.name if first == last else f"{first.name} to {last.number}"


def where_else(calendar: Calendar, one: Difference) -> str:
    """In what else the same is because it is made from this; since when where that is another time."""
    told = [
        copy.subject + ("" if copy.first == one.since else f" (from {calendar.periods[copy.first].name})")
        for copy in one.also
    ]
    return f"also in: {', '.join(told)}" if told else ""


def how_it_differed(one: Difference) -> str:
    """What was not as before."""
    before = quantity(one.before, one.unit)
    after = _after(one)
    levels = f"{before} → {after}"
    if one.what == "runs":
        return RUNS[one.detail].format(after=after)
    if one.what == "content":
        return CONTENT[one.detail]
    if one.what == "rows":
        return f"{levels} rows"
    if one.what == "duplicates":
        return f"rows whose key another row has: {levels}"
    if one.what == "kept":
        return f"keys of what it is made from that it has: {levels}"
    if one.what == "schema":
        return f"another schema: {one.detail}" if one.detail else "another schema"
    if one.what == "freshness":
        return f"its data ends {after} before it was written, instead of {before}"
    if one.what == "distribution":
        return f"values moved ({one.detail})" + ("" if NOTHING in levels else f": median {levels}")
    words = {"nulls": "null ", "shares": "share ", "level": ""}
    return f"{words[one.what]}{levels}"


def _after(one: Difference) -> str:
    """The level in the first period, and the farthest one where that is another."""
    farthest = quantity(one.after, one.unit)
    if one.at_first is None or one.after is None or abs(one.after - one.at_first) <= ALIKE * abs(one.after):
        return farthest
    return f"{quantity(one.at_first, one.unit)}, then {farthest}"


def lineage_lines(datasets: Sequence[DatasetRow]) -> Iterator[str]:
    """What is made from what, as `a, b → c → d`: a line ends where the next dataset is not made from its end alone."""
    made: dict[tuple[str, ...], list[str]] = {}
    for row in datasets:
        if row.inputs:
            made.setdefault(row.inputs, []).append(row.dataset)
    line, end = "", tuple[str, ...]()
    for inputs, outputs in made.items():
        if line and inputs != end:
            yield line
        line = f"{line if line and inputs == end else ', '.join(inputs)} → {', '.join(outputs)}"
        end = tuple(outputs)
    if line:
        yield line


def unknown_lines(of: Unmeasured) -> Iterator[str]:
    """What a calendar cannot tell, a sentence each."""
    if of.signals:
        yield f"Without a value so far: {', '.join(of.signals)}."
    if of.datasets:
        yield f"Nothing is recorded of the columns of {', '.join(of.datasets)}."
    if of.columns:
        yield (
            f"How values are distributed is not known of {', '.join(of.columns)}: only whether the column is there, "
            "its type, and how many rows have no value."
        )
    for check in of.checks:
        yield f"Checked by {check.job}: {', '.join(check.datasets)}. It {check.doc}; it looks at nothing else."
    if of.unchecked:
        yield f"No job checks {', '.join(of.unchecked)}."
