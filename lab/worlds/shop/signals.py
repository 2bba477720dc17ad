"""Signals of the shop: what its visitors make of what they are shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lab.recording.arrow import numbers, numbers_of
from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Grid, Metrics, ratio


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """Click-through by the time of showing, of items whose label window has closed."""
    shown = observed.tables.get("predictions")
    if shown is None or not len(shown):
        return
    bins, outcome = grid.bins(numbers(shown["time_s"])), numbers_of(shown, "outcome")
    closed = ~np.isnan(outcome)
    clicks, items = grid.sums(bins[closed], outcome[closed]), grid.sums(bins[closed])
    yield grid.series("click_through_ratio", observed.system["entry"], ratio(clicks, items))
