"""Service level indicators of the desk, from its metrics."""

from __future__ import annotations

import numpy as np

from chaos_lab_desk.registration import WINDOW_INTERVALS
from lab.recording.slis import Level, Samples, rolling, share


def escalation_ratio(samples: Samples) -> Level:
    """Questions handed on, of all, with the binomial standard error."""
    times_s, counts = samples.wide(("desk.question.count", "desk.escalation.count"))
    questions, handed_on = (rolling(values, WINDOW_INTERVALS) for values in counts)
    ratio = share(handed_on, questions)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Level(times_s, ratio, np.sqrt(np.clip(ratio, 0, 1) * (1 - np.clip(ratio, 0, 1)) / questions))


def escalation_cost_eur(samples: Samples) -> Level:
    """What questions handed on cost."""
    times_s, (cost,) = samples.wide(("desk.escalation.cost",))
    return Level(times_s, cost)
