"""Words of a post-mortem: text without markup, tables, and times as the incident's clock shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.files.units import LONG_S, clock_text, time_text
from lab.systems.calendar import Calendar

_SPECIAL = re.compile(r"([\\`*\[\]<|&~]|(?<![^\W_])_|_(?![^\W_])|^[#+\-=>]|(?<=^\d)[.)]|(?<=^\d\d)[.)])")
"""What may be markup: some characters anywhere, an underscore at the edge of a word, others at the beginning only."""


@dataclass(frozen=True)
class At:
    """Tells times of an incident as its clock shows them, by the system's calendar where it has one."""

    calendar: Calendar | None
    end_s: float

    def __call__(self, time_s: float | None, *, is_end: bool = False) -> str:
        """A time; `is_end`: at which something ended, or an interval was known."""
        if time_s is None:
            return "never"
        if self.calendar is None:
            return clock_text(time_s)
        is_end = is_end or time_s >= self.end_s
        return self.calendar.end_label(time_s) if is_end else self.calendar.label(time_s)

    def long(self, seconds: float) -> str:
        """A length of time."""
        if self.calendar is not None and seconds >= self.calendar.length_s:
            return self.calendar.count(seconds)
        whole = round(seconds)
        if whole < 60 or whole >= LONG_S:
            return time_text(round(seconds, 1))
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"


def escaped(text: object) -> str:
    """Text in which Markdown sees no markup, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
