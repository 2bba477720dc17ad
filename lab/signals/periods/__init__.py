"""A recording as people think of a system of jobs: a calendar, period by period, computed from `observed/` alone.

What ran, what it wrote, how that moved, what was announced, and what of it differed since when. Reports and the
investigation API show the same calendar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.signals.lineage import Lineage
from lab.signals.periods.citing import with_signals
from lab.signals.periods.columns import drift_rows
from lab.signals.periods.differences import differences
from lab.signals.periods.layout import Periods
from lab.signals.periods.moved import moved_rows
from lab.signals.periods.movements import in_use_rows, indicator_rows, moments, stacks
from lab.signals.periods.runs import job_rows
from lab.signals.periods.shapes import Calendar
from lab.signals.periods.unmeasured import unmeasured
from lab.signals.periods.versions import dataset_rows

if TYPE_CHECKING:
    from lab.recording.observed import Observed
    from lab.signals import SignalTable

__all__ = ["Calendar", "calendar_of"]


def calendar_of(observed: Observed, signals: SignalTable) -> Calendar | None:
    """The calendar of a recording, or of what could be seen of it by a time; None where its system has none.

    `signals`: those of the same recording. Only periods that have begun are in it.
    """
    periods = Periods.of(observed.system)
    if periods is None:
        return None
    lineage = Lineage.of(observed)
    jobs = job_rows(observed, periods)
    datasets = dataset_rows(observed, signals, lineage, periods)
    drift = drift_rows(observed, lineage, signals, datasets, periods)
    indicators = indicator_rows(observed.system, signals, periods)
    others = moved_rows(observed.system, signals, periods)
    shares = stacks(observed.system, signals, periods)
    made = Calendar(
        word=periods.calendar.word,
        period_s=periods.length_s,
        end_s=observed.end_s,
        periods=periods.shown,
        indicators=indicators,
        jobs=jobs,
        datasets=datasets,
        drift=drift,
        in_use=in_use_rows(observed.system, signals, periods),
        stacks=shares,
        moved=others,
        moments=moments(observed, periods),
        differences=differences(periods, jobs, datasets, drift, shares, indicators, others),
        unmeasured=unmeasured(observed.system, signals, jobs, datasets, drift),
    )
    return with_signals(made, signals)
