"""Service level indicators of the desk, from its metrics."""

from __future__ import annotations

from chaos_lab_desk.registration import WINDOW_INTERVALS
from lab.recording.slis import Level, Samples, counted_ratio


def escalation_ratio(samples: Samples) -> Level:
    """Questions handed on, of all."""
    return counted_ratio(samples, "desk.escalation.count", "desk.question.count", WINDOW_INTERVALS)


def escalation_cost_eur(samples: Samples) -> Level:
    """What questions handed on cost."""
    times_s, (cost,) = samples.wide(("desk.escalation.cost",))
    return Level(times_s, cost)
