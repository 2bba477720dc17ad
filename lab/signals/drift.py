"""How far values lie from others: shares of them in buckets, and two distances of such shares (PSI, KS).

The one definition of both, for signals of features and for who looks at a distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BUCKETS = 10


def quantile_edges(values: Array) -> Array:
    """Edges between buckets that hold equally many of these values, as far as they differ."""
    return np.unique(np.quantile(values, np.linspace(0, 1, BUCKETS + 1)[1:-1]))


def bucketed(values: Array, edges: Array, bins: Array, count: int) -> Array:
    """How many values of each of `count` bins lie in each bucket between the edges, an edge in the one below it."""
    buckets = np.zeros(len(values), np.uint8)
    for edge in edges:
        buckets += values > edge
    size = len(edges) + 1
    return np.bincount(bins * size + buckets, minlength=count * size).reshape(count, size)


def shares(counts: Array) -> Array:
    """Bucket shares of each row, smoothed by half a value so that an empty bucket has a finite logarithm."""
    smoothed = counts + 0.5
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))


def psi(actual: Array, expected: Array) -> Array:
    """The population stability index of each row of shares."""
    return np.asarray(((actual - expected) * np.log(actual / expected)).sum(axis=1))


def ks(actual: Array, expected: Array) -> Array:
    """The Kolmogorov-Smirnov distance of each row of shares, at the edges of the buckets."""
    return np.asarray(np.abs(np.cumsum(actual - expected, axis=1)).max(axis=1))
