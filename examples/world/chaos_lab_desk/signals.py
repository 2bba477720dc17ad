"""Signals of the desk, from its table of questions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lab.recording.arrow import numbers
from lab.recording.observed import Observed
from lab.signals import Series
from lab.signals.columns import Grid, Metrics, ratio


def series(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """By topic, the share of its questions that was handed on."""
    questions = observed.tables.get("questions")
    if questions is None or not len(questions):
        return
    bins, topic = grid.bins(numbers(questions["time_s"])), numbers(questions["topic"])
    handed_on = numbers(questions["is_escalated"]).astype(float)
    for one in np.unique(topic).tolist():
        mine = topic == one
        shares = ratio(grid.sums(bins[mine], handed_on[mine]), grid.sums(bins[mine]))
        yield grid.series("topic_escalation_ratio", f"topic.{one}", shares)
