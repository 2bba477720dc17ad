"""What a subject of a calendar was in its first periods, with room for what it varied by then: its usual level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import NamedTuple

from lab.signals.periods.layout import FIRST

FEWEST = 3
"""With fewer known periods nothing is said to differ from them."""
CALM_PSI, MOVED_PSI = 0.1, 0.25
"""By the convention of those who use PSI: below the first a population is the same, from the second on it has moved."""
ROWS_SHARE, LEVELS_SHARE = 0.05, 0.05
KEYS_MORE, NULLS_MORE, SHARES_MORE, RATIOS_MORE = 0.01, 0.02, 0.02, 0.01
"""Room above and below what a level was in the first periods: of rows and indicators as a share, of others as it is."""

Values = Sequence[float | None]


class Level(NamedTuple):
    """What a subject was in its first periods: between two levels, around a usual one; first known at a place.

    `least` and `most` of them, without the room that the two levels have beyond.
    """

    low: float
    usual: float
    high: float
    since: int
    least: float
    most: float

    def is_usual(self, value: float) -> bool:
        """Whether a value is no other than those."""
        return self.low <= value <= self.high

    def distance(self, value: float) -> float:
        """How far a value lies outside."""
        return max(self.low - value, value - self.high)


def usual_level(values: Values, share: float = 0.0, more: float = 0.0, window: int = 1) -> Level | None:
    """The level of the first known values with half their range as room; None where too few are known.

    Values of a `window` of periods share most of what they are of with their neighbours, so their range tells little
    of how far two lie apart that share nothing: usually as far as two neighbours, times the root of the window. The
    first ones, of fewer periods than that, vary more than all others and are no level.
    """
    places = [place for place, value in enumerate(values) if value is not None][window - 1 :][:FIRST]
    known = [float(values[place] or 0.0) for place in places]
    if len(known) < FEWEST:
        return None
    usual = median(known)
    spread = 0.5 * (max(known) - min(known))
    if window > 1:
        spread = max(spread, sqrt(window) * max(abs(after - one) for one, after in pairwise(known)))
    room = spread + share * abs(usual) + more
    return Level(min(known) - room, usual, max(known) + room, places[-1], min(known), max(known))


def indicator_level(values: Values, unit: str, window: int) -> Level | None:
    """That of an indicator, or of another signal that is told like one."""
    return usual_level(values, share=LEVELS_SHARE, more=RATIOS_MORE if unit == "ratio" else 0.0, window=window)


def nulls_level(values: Values) -> Level | None:
    """That of how many rows of a column are null."""
    return usual_level(values, more=NULLS_MORE)
