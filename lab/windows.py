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
