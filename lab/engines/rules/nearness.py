"""How near a cause came to being named: explanations list the nearest misses first."""

from __future__ import annotations

from lab.engines.rules.trace import Seen, State, Test, Trial
from lab.engines.rules.tree import Condition
from lab.engines.shifts import CARRIED_SHARE, COVERED_SHARE

MOVED_NEARNESS = 0.5
"""A leading signal that moved less than half as far as its condition requires counts as not moved."""


def nearness(trial: Trial) -> float:
    """0 to 1: the mean over the conditions of how far each was met, halved where an exception holds."""
    met = [_test_nearness(test) for test in trial.when]
    met += [0.0] * (len(trial.cause.when) - len(met))
    excepted = any(test.state is State.HELD for test in trial.unless)
    return sum(met) / len(met) * (0.5 if excepted else 1.0)


def lead_moved(trial: Trial) -> bool:
    """Whether the signal that gives the window moved, or nearly: else the window is an accident."""
    return _test_nearness(trial.when[0]) >= MOVED_NEARNESS


def _test_nearness(test: Test) -> float:
    if test.state is State.HELD:
        return 1.0
    if test.options:
        return max(_test_nearness(option) for option in test.options)
    if not test.condition.asks_for_change:
        return 0.0
    return max((_seen_nearness(test.condition, seen) for seen in test.seen), default=0.0)


def _seen_nearness(condition: Condition, seen: Seen) -> float:
    """What a shift has of what is needed of it, by the need that it is farthest from."""
    shift = seen.shift
    sign = -1 if condition.falls else 1
    had = [
        (sign * shift.change, seen.by),
        (sign * shift.change, condition.times * abs(shift.baseline)),
        (sign * shift.z, condition.z),
        (shift.carried, CARRIED_SHARE),
        (shift.covered, COVERED_SHARE),
    ]
    return min((max(0.0, min(1.0, has / needed)) for has, needed in had if needed), default=1.0)
