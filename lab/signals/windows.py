"""Before and during: the one definition of which intervals count as before a fault, and which as during it.

A value of a series stands for the interval that ends at its time. An interval is *before* a window when it had ended by
the time the window begins, and *during* it when it ends within `(at, until]`. Whatever prints or compares the two
levels of a signal (rules, witness, graders, parity, report) takes them from here, so that one signal has one pair of
numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Window = tuple[float, float]
"""(at, until) in scenario seconds: from injection, or a suspected onset, to its end."""


class Levels(NamedTuple):
    """Mean values of a signal before and during, in the signal's unit."""

    before: float
    during: float

    @property
    def change(self) -> float:
        return self.during - self.before


def is_before(times_s: Array, at_s: float) -> Array:
    """Mask of the intervals that had ended by `at_s`."""
    return np.asarray(times_s <= at_s)


def is_during(times_s: Array, *windows: Window) -> Array:
    """Mask of the intervals that end within any of the windows."""
    mask = np.zeros(len(times_s), bool)
    for at_s, until_s in windows:
        mask |= (times_s > at_s) & (times_s <= until_s)
    return mask


def split(times_s: Array, values: Array, *windows: Window) -> tuple[Array, Array]:
    """The known values before the first of the windows, and those during any of them.

    A signal of which nothing was ever seen before is one that did not occur then: its values are taken as zero.
    """
    before = values[is_before(times_s, min(at_s for at_s, _ in windows))]
    before = np.zeros(len(before)) if np.isnan(before).all() else before[~np.isnan(before)]
    during = values[is_during(times_s, *windows)]
    return before, during[~np.isnan(during)]


def levels(times_s: Array, values: Array, *windows: Window) -> Levels | None:
    """Mean levels before and during; None where there is no interval before, or no known one during."""
    before, during = split(times_s, values, *windows)
    return Levels(float(before.mean()), float(during.mean())) if len(before) and len(during) else None


def change_and_error(times_s: Array, values: Array, *windows: Window) -> tuple[float, float] | None:
    """The change of the mean level and its standard error; None where there is no interval before, or none during.

    The noise of both means is that of the values before, whose neighbours resemble each other (lag-1 autocorrelation,
    as rolling signals have it); what the values during vary by comes on top, so that one odd interval is no level.
    """
    before, during = split(times_s, values, *windows)
    if not len(before) or not len(during):
        return None
    change = float(during.mean() - before.mean())
    usual = _variance(before) * _autocorrelation_time(before) * (1 / len(before) + 1 / len(during))
    return change, float(np.sqrt(usual + _variance(during) / len(during)))


def standardised_change(times_s: Array, values: Array, *windows: Window) -> float:
    """The change of the mean level in standard errors: signed.

    0 where nothing can be compared, infinite where there is no noise.
    """
    before, during = split(times_s, values, *windows)
    found = change_and_error(times_s, values, *windows)
    if found is None:
        return 0.0
    change, error = found
    if error <= 1e-9 * max(abs(before.mean()), abs(during.mean())):
        return float(np.sign(change)) * np.inf if abs(change) > 1e-9 * abs(before.mean()) else 0.0
    return change / error


def _variance(values: Array) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _autocorrelation_time(values: Array) -> float:
    """How many neighbouring values are worth one independent one (AR(1) approximation), at least 1."""
    residual = values - values.mean()
    power = float((residual**2).sum())
    if len(values) < 3 or power == 0:
        return 1.0
    lag_1 = min(float((residual[1:] * residual[:-1]).sum()) / power, 0.95)
    return max(1.0, (1 + lag_1) / (1 - lag_1))
