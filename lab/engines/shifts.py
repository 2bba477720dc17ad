"""Where a signal left its usual level: a scan for the one stretch that stands out most, and contrasts over a window.

The scan is the epidemic change-point statistic (Levin and Kline 1985): the largest standardised difference of
means between a stretch and the rest. It needs to know neither when something began nor whether it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.signals import Series
from lab.signals.windows import is_during

Array = npt.NDArray[Any]
Windows = Sequence[tuple[float, float]]

MIN_INSIDE = 4
MIN_BEFORE = 2
MIN_OUTSIDE = 6
LEAST_INTERVALS = MIN_INSIDE + MIN_OUTSIDE
"""In fewer no stretch can be told from the rest: nothing is known then, neither of a fault nor of its absence."""
LAGS = (1, 3, 6, 12)
POINTS_MAX = 720
ASIDE_MAX = 3
WALK_BACK_SIGMAS = 2.5
ABRUPT_INTERVALS = 6
ABRUPT_SHARE = 0.7
CARRIED_SHARE = 0.5
COVERED_SHARE = 0.25
_MAD_TO_SD = 0.6745


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch in which a signal stood apart. `z` is signed; `onset_s` and `end_s` bound the stretch.

    `carried` is the share of the change that is left without the stretch's most extreme interval (1: nothing hangs on
    it), `covered` how often the signal is known inside, relative to outside (1: as often).
    """

    signal: str
    subject: str
    baseline: float
    observed: float
    z: float
    onset_s: float
    end_s: float
    carried: float = 1.0
    covered: float = 1.0
    step_s: float = 0.0
    """How closely the recording was scanned for it."""

    @property
    def change(self) -> float:
        return self.observed - self.baseline

    @property
    def is_sound(self) -> bool:
        """Whether the change speaks for the stretch: not for one odd interval, nor for the few that are known."""
        return self.carried >= CARRIED_SHARE and self.covered >= COVERED_SHARE


def _carried(inside: Array, baseline: float, change: float) -> float:
    """The share of a change that is left without the most extreme interval; 0 where there is only one."""
    if len(inside) < 2 or not change:
        return 0.0
    rest = (inside.sum() - inside.max(initial=-np.inf)) if change > 0 else (inside.sum() - inside.min(initial=np.inf))
    return float((rest / (len(inside) - 1) - baseline) / change)


def _averaged(values: Array, width: int) -> Array:
    """Means of `width` neighbours; an incomplete rest at the end is left out."""
    whole = len(values) // width * width
    return np.asarray(values[:whole].reshape(-1, width).mean(axis=1))


def _walk_back(values: Array, start: int, first: int, baseline: float, direction: float, sd: float) -> int:
    """The stretch's start moved back, to `first` at most, over the foot of a ramp: while values are not usual."""
    while start > first and (values[start - 1] - baseline) * direction > WALK_BACK_SIGMAS * sd:
        start -= 1
    return start


def is_abrupt(series: Series, shift: Shift) -> bool:
    """Whether most of the change (`ABRUPT_SHARE`) had happened `ABRUPT_INTERVALS` after the onset."""
    times_s, values = series.times_s, series.values
    known = ~np.isnan(values)
    since_s, within_s = times_s - shift.onset_s, ABRUPT_INTERVALS * interval_of(series)
    before = values[known & (since_s > -within_s) & (since_s <= 0)]
    # What comes after the stretch is not the change any more.
    lasts_s = shift.end_s - shift.onset_s
    until_s = min(2 * within_s, lasts_s) if lasts_s > within_s else 2 * within_s
    after = values[known & (since_s > within_s) & (since_s <= until_s)]
    if not len(before) or not len(after):
        return False
    return bool((after.mean() - before.mean()) * np.sign(shift.change) >= ABRUPT_SHARE * abs(shift.change))


def noise_sd(values: Array, floor: float = 0.0, lags: tuple[int, ...] = LAGS) -> float:
    """Standard deviation around the levels, robust to odd intervals: from differences at several lags.

    A slowly wandering series differs more over longer lags; the largest estimate counts. Levels are to be taken out
    before, so that a shift is not mistaken for noise.
    """
    known = values[~np.isnan(values)]
    estimates = [
        median(np.abs(known[lag:] - known[:-lag])) / (_MAD_TO_SD * np.sqrt(2)) for lag in lags if len(known) > 2 * lag
    ]
    return float(max([*estimates, floor, 1e-12]))


def counting_sd(share: Series, rate_per_s: Series) -> float:
    """Standard deviation of a share of so many, if each of them is one by chance, and as often all the time.

    A share of few that is usually 0 has no neighbours that differ, and is not without noise for that.
    """
    known = ~np.isnan(share.values)
    count = float(np.nanmean(rate_per_s.values)) * interval_of(share)
    if not known.any() or not count > 0:
        return 0.0
    usual = min(max(float(share.values[known].mean()), 0.0), 1.0)
    return float(np.sqrt(usual * (1 - usual) / count))


def median(values: Array) -> float:
    """The median of some known values. `np.median` gives the same, and takes ten times as long for so few."""
    ordered, middle = np.sort(values), len(values) // 2
    return float(ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def interval_of(series: Series) -> float:
    """The scrape interval of a series (s), 0 where it has one value only."""
    return median(np.diff(series.times_s)) if len(series.times_s) > 1 else 0.0


@lru_cache(maxsize=8)
def _stretches(n: int) -> tuple[Array, Array, Array, Array]:
    """Every stretch of `n` intervals that can be compared: start, end, intervals inside, and 1/standard error."""
    starts, ends = np.triu_indices(n + 1, MIN_INSIDE)
    usable = (starts >= MIN_BEFORE) & (n - (ends - starts) >= MIN_OUTSIDE)
    starts, ends = starts[usable], ends[usable]
    inside = ends - starts
    return starts, ends, inside, 1 / np.sqrt(1 / inside + 1 / (n - inside))


def scan_towards(series: Series, direction: int, floor: float = 0.0, known: Windows = ()) -> Shift | None:
    """The stretch that rises (1) or falls (-1) most: what stands out more the other way is set aside first.

    Looking for the largest rise at once would find all that is usual above a large fall. `known` as for `scan`: a
    stretch may reach across what was set aside, as a rise with a dip in it does.
    """
    windows: list[tuple[float, float]] = []
    for _ in range(ASIDE_MAX):
        found = scan(outside(series, windows), floor, known)
        if found is None or found.z * direction >= 0:
            return found
        windows.append((found.onset_s, found.end_s))
    return None


def scan(series: Series, floor: float = 0.0, known: Windows = ()) -> Shift | None:
    """The stretch that stands out most; None where there is too little to compare.

    `floor` is the smallest standard deviation to assume, for signals that are usually constant. What the series says
    within the `known` windows (from, until; seconds) is left out, and no stretch lies on both sides of one: the end
    of what was found there, together with an odd value from before it, would begin before it.
    """
    series = outside(series, known)
    seen = np.flatnonzero(~np.isnan(series.values))
    # Pairs of edges grow with the square: a long recording is scanned in averages of neighbouring intervals.
    width = max(1, -(-len(seen) // POINTS_MAX))
    times_s = series.times_s[seen][width - 1 :: width]
    values = _averaged(series.values[seen], width)
    n = len(values)
    if n < LEAST_INTERVALS:
        return None
    starts, ends, inside, weight = _stretches(n)
    cuts = [int(np.count_nonzero(times_s <= from_s)) for from_s, _ in known]
    if cuts:
        whole = np.logical_and.reduce([(ends <= cut) | (starts >= cut) for cut in cuts])
        if not whole.any():
            return None
        starts, ends, inside, weight = starts[whole], ends[whole], inside[whole], weight[whole]
    sums = np.concatenate([[0.0], np.cumsum(values)])
    total = sums[ends] - sums[starts]
    scaled = (total / inside - (sums[-1] - total) / (n - inside)) * weight
    best = int(np.argmax(np.abs(scaled)))
    start, end = int(starts[best]), int(ends[best])
    step_s = interval_of(series) * width
    baseline, level = float((sums[-1] - total[best]) / (n - (end - start))), float(total[best] / (end - start))
    residual = values - baseline
    residual[start:end] -= level - baseline
    z = float(scaled[best] / noise_sd(residual, floor))
    carried = _carried(values[start:end], baseline, level - baseline)
    first = max([MIN_BEFORE, *(cut for cut in cuts if cut <= start)])
    # What is constant from then on tells nothing of what was usual before.
    apart = np.concatenate([residual[:start], residual[end:]])
    usual_sd = max(noise_sd(residual, floor, LAGS[:1]), noise_sd(apart, floor, LAGS[:1]))
    start = _walk_back(values, start, first, baseline, float(np.sign(z)), usual_sd)
    onset_s, end_s = float(times_s[start] - step_s), float(times_s[end - 1])
    return Shift(series.signal, series.subject, baseline, level, z, onset_s, end_s, carried, step_s=step_s)


def sporadic(series: Series, direction: int, by: float, floor: float = 0.0, known: Windows = ()) -> Shift | None:
    """From the first interval to the last in which a signal is `by` above (1) or below (-1) what it usually is.

    For what is there in some intervals only, so that no stretch of them stands apart from all others. `known` as for
    `scan`; None where no interval is that far. What is usual is a quartile, as it may be wrong for half of the time.
    """
    series = outside(series, known)
    if not by > 0 or np.isnan(series.values).all():
        return None
    usual = float(np.nanquantile(series.values, 0.25 if direction > 0 else 0.75))
    far = np.flatnonzero((series.values - usual) * direction >= by)
    if not len(far):
        return None
    first, last = int(far[0]), int(far[-1])
    return contrast(series, float(series.times_s[first]) - interval_of(series), float(series.times_s[last]), floor)


def outside(series: Series, windows: Windows) -> Series:
    """The series without what it says within these windows (from, until; seconds)."""
    if not windows:
        return series
    values = series.values.copy()
    values[is_during(series.times_s, *windows)] = np.nan
    return Series(series.signal, series.subject, series.times_s, values)


def contrast(series: Series, onset_s: float, end_s: float, floor: float = 0.0) -> Shift | None:
    """How the signal's level within a window differs from the rest; None where either is unknown."""
    known = ~np.isnan(series.values)
    within = is_during(series.times_s, (onset_s, end_s))
    inside, outside = known & within, known & ~within
    if not inside.any() or not outside.any():
        return None
    baseline, observed = float(series.values[outside].mean()), float(series.values[inside].mean())
    residual = series.values - np.where(inside, observed, baseline)
    error = noise_sd(residual, floor) * np.sqrt(1 / inside.sum() + 1 / outside.sum())
    z = float((observed - baseline) / error)
    carried = _carried(series.values[inside], baseline, observed - baseline)
    covered = float(inside.sum() / within.sum() / (outside.sum() / (~within).sum()))
    return Shift(series.signal, series.subject, baseline, observed, z, onset_s, end_s, carried, covered)
