"""How far the values of a column lie from earlier ones, told from profiles alone: shares between quantiles, and PSI."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.recording.profiles import QUANTILES
from lab.signals.drift import BUCKETS, psi

Array = npt.NDArray[Any]

POINTS = np.array([0.0, *QUANTILES.values(), 1.0])
"""Shares of the values that are at most as great as `min`, each quantile, and `max`."""
RESOLUTION = 0.025
"""Half of what lies between two points: a share of fewer values than that cannot be told from none."""
EDGES = [int(np.argmin(np.abs(POINTS - bucket / BUCKETS))) for bucket in range(1, BUCKETS)]
"""Which of them lie between the buckets."""


def drift(profiles: Array, reference: int) -> Array:
    """The PSI of each version against the first `reference` ones; NaN for those, and where nothing is known.

    `profiles`: a row (min, quantiles, max) for each version. Between two of these points values are taken to lie
    evenly. The edges of the buckets are the median deciles of the first versions. Shares are smoothed by as much as
    these points do not tell, so that it is less than the PSI of the values themselves where that is large.
    """
    found = np.full(len(profiles), np.nan)
    known: Array = np.asarray(~np.isnan(profiles).any(axis=1))
    first = np.flatnonzero(known[:reference])
    if not len(first) or len(profiles) <= reference:
        return found
    edges = np.unique(np.median(profiles[first], axis=0)[EDGES])
    shares = _bucketed(profiles[known], edges) + RESOLUTION
    shares /= shares.sum(axis=1, keepdims=True)
    found[known] = psi(shares, shares[: len(first)].mean(axis=0, keepdims=True))
    found[:reference] = np.nan
    return found


def _bucketed(profiles: Array, edges: Array) -> Array:
    """The shares of the values of each version in the buckets between the edges, an edge in the one below it."""
    last = (profiles[:, None, :] <= edges[None, :, None]).sum(axis=2) - 1  # the last point that is not above the edge
    at = np.clip(last, 0, len(POINTS) - 2)
    low, high = (np.take_along_axis(profiles, at + step, axis=1) for step in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        below = POINTS[at] + (edges - low) / (high - low) * (POINTS[at + 1] - POINTS[at])
    below = np.where(last < 0, 0.0, np.where(last > at, 1.0, below))
    return np.diff(below, axis=1, prepend=0.0, append=1.0)
