"""The calendar of a system of jobs as it could be seen at a time."""

from __future__ import annotations

from collections.abc import Iterator

from lab.investigation.queries.asking import UnknownError
from lab.investigation.view import View
from lab.signals.periods import Calendar, calendar_of
from lab.signals.periods.movements import DRIFT


def calendar(view: View, at_s: float) -> Calendar:
    """All of it, made once for each time. UnknownError where the system has no calendar."""
    if not view.whole.system.get("calendar"):
        hint = "its jobs and their runs are in the list of jobs"
        raise UnknownError("this system has no calendar", expected="one whose file has a `calendar`", hint=hint)
    return view.kept("calendar", at_s, lambda: _made(view, at_s))


def _made(view: View, at_s: float) -> Calendar:
    found = calendar_of(view.observed(at_s), view.signals(at_s))
    assert found is not None
    return found


def shown(found: Calendar) -> Iterator[str]:
    """The signals whose values it shows, as `SIGNAL:SUBJECT`."""
    for row in found.drift:
        yield f"{DRIFT}:{row.dataset}.{row.column}"
    for line in (*found.indicators, *found.moved):
        yield f"{line.signal}:{line.subject}"
    yield from (f"{row.signal}:{row.subject}" for row in found.in_use)
    for stack in found.stacks:
        yield from (f"{stack.signal}:{subject}" for subject in stack.subjects)
