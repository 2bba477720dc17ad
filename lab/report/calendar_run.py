"""The calendar of a run with the truth above it: what was broken, since when it showed, and its true effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lab.contracts import Truth
from lab.recording.observed import Observed
from lab.recording.rundir import RunDirectory
from lab.report.calendar import CalendarView, Mark, calendar_view, moved_subjects
from lab.report.format import done_text
from lab.report.timeline import Mark as Onset
from lab.signals import Series, SignalTable
from lab.signals.periods import calendar_of
from lab.signals.periods.layout import Periods
from lab.signals.periods.movements import by_period, with_actions


def run_calendar(
    run: RunDirectory, truth: Truth, observed: Observed, signals: SignalTable, onsets: Iterable[Onset]
) -> CalendarView | None:
    """None where the system has no calendar. `onsets`: where engines put the onset; the leading ones are shown."""
    found, periods = calendar_of(observed, signals), Periods.of(observed.system)
    if found is None or periods is None:
        return None
    done = [(float(one["at_s"]), done_text(one)) for one in run.actions]
    found = with_actions(found, done, observed.system)
    marks = [*_true(truth, periods), *(_found(onset) for onset in onsets if onset.css == "onset")]
    return calendar_view(
        found, marks, moved_subjects(run.effects()), _without(run, observed, periods), periods.calendar.zone
    )


def _true(truth: Truth, periods: Periods) -> Iterator[Mark]:
    for fault in truth.faults:
        told = f"{fault.kind} on {fault.culprit}, from {periods.told(fault.injected_s)}"
        yield Mark("fault", "fault", fault.injected_s, fault.reverted_s, told)
    for fault in truth.faults:
        if fault.witnessed_s is not None:
            told = f"first effect of {fault.kind}, {periods.told(fault.witnessed_s)}"
            yield Mark("first effect", "effect", fault.witnessed_s, None, told, "⚑")
    for decoy in sorted(truth.decoys, key=lambda one: (one.at_s, one.id)):
        yield Mark("benign", "decoy", decoy.at_s, None, f"{decoy.kind} of {decoy.element}", "◆")


def _found(onset: Onset) -> Mark:
    return Mark("onset found", "onset", onset.at_s, None, onset.label, "●")


def _without(
    run: RunDirectory, observed: Observed, periods: Periods
) -> dict[tuple[str, str], tuple[float | None, ...]]:
    """What indicators would have been without the fault, by period; nothing for several, which have a twin each."""
    courses = list(run.courses().values())
    values = {}
    for course in courses[0] if len(courses) == 1 else ():
        known = np.array(course["without"], np.float64)
        ends_s = float(observed.system["scrape_interval_s"]) * np.arange(1, len(known) + 1, dtype=np.float64)
        name = course["signal"], course["subject"]
        values[name] = by_period(Series(*name, ends_s, known), periods)
    return values
