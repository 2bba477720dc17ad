"""The calendar of a system of jobs as it could be seen at a time."""

from __future__ import annotations

from collections.abc import Sequence

from lab.investigation.queries.asking import UnknownError
from lab.investigation.session import Done
from lab.investigation.view import View
from lab.signals.periods import Calendar, calendar_of
from lab.signals.periods.movements import with_actions


def calendar(view: View, at_s: float, done: Sequence[Done] = ()) -> Calendar:
    """All of it, made once for each time, with the actions that were `done` by then among its moments.

    UnknownError where the system has no calendar.
    """
    if not view.whole.system.get("calendar"):
        hint = "its jobs and their runs are in the list of jobs"
        raise UnknownError("this system has no calendar", expected="one whose file has a `calendar`", hint=hint)
    found = view.kept("calendar", at_s, lambda: _made(view, at_s))
    return with_actions(found, [(one.done_s, f"{one.title}: {one.place}") for one in done], view.whole.system)


def _made(view: View, at_s: float) -> Calendar:
    found = calendar_of(view.observed(at_s), view.signals(at_s))
    assert found is not None
    return found
