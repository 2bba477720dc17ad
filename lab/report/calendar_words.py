"""Differences of a calendar in words: since when, and how."""

from __future__ import annotations

from lab.report.format import NOTHING, quantity
from lab.signals.periods.shapes import Calendar, Difference

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
    first, last = calendar.periods[one.first], calendar.periods[one.last]
    since = ", ".join(filter(None, (first.name, first.day)))
    count = one.last - one.first + 1
    often = f", in {one.often} of {count}" if one.often < count else ""
    if one.first == one.last:
        return since, "once" if one.last + 1 < len(calendar.periods) else "the last one"
    end = "to the end" if one.last + 1 == len(calendar.periods) else f"until {last.name}"
    return since, end + often


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
