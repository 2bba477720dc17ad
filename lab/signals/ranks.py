"""Ranks and quantiles of groups of values, all groups at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def midranks(values: Array) -> tuple[Array, Array]:
    """The rank of each value from 1 on, equal values sharing the mean of their ranks; and how many share each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(values) else np.zeros(0, bool)
    firsts = np.append(np.flatnonzero(is_first), len(values))
    tied = np.diff(firsts).astype(np.float64)
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(firsts[:-1] + (tied + 1) / 2, np.diff(firsts))
    return ranks, tied


class Groups(NamedTuple):
    """Values sorted within groups: group i has the key `keys[i]` and `sizes[i]` of the values from `firsts[i]` on.

    `weights` has a number of requests that each value stands for; None where each stands for one.
    """

    keys: Array
    firsts: Array
    sizes: Array
    values: Array
    weights: Array | None

    @classmethod
    def of(cls, keys: Array, values: Array, weights: Array | None = None) -> Groups:
        """Groups of the values (no NaN) that have the same key, a whole number from 0 on."""
        order = _ordered(keys, _order(values))
        keys = keys[order]
        firsts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
        sizes = np.diff(np.append(firsts, len(keys)))
        return cls(keys[firsts], firsts, sizes, values[order], None if weights is None else weights[order])

    def medians(self) -> tuple[Array, Array]:
        """The lower and the upper median of each group, which differ where half of it lies on either side."""
        if self.weights is None:
            lower, upper = self.firsts + (self.sizes - 1) // 2, self.firsts + self.sizes // 2
            return self.values[lower], self.values[upper]
        total = np.cumsum(self.weights)
        lasts = self.firsts + self.sizes - 1
        before = np.concatenate([[0.0], total[lasts[:-1]]])[: len(lasts)]
        half = before + (total[lasts] - before) / 2
        lower, upper = (np.minimum(np.searchsorted(total, half, side), lasts) for side in ("left", "right"))
        return self.values[lower], self.values[upper]

    def quantiles(self, share: float) -> Array:
        """A quantile of each group, between two values in proportion (numpy's `linear`); weights do not count."""
        at = share * (self.sizes - 1)
        below = np.floor(at).astype(np.int64)
        low, high = self.values[self.firsts + below], self.values[self.firsts + np.minimum(below + 1, self.sizes - 1)]
        return np.asarray(low + (high - low) * (at - below))


def _order(values: Array) -> Array:
    """The places of some values (no NaN) in their order.

    The bits of floats that are not negative, read as whole numbers, have the order of the floats; of times on a grid,
    all but the upper ones are zero.
    """
    if not len(values) or values.dtype != np.float64 or values.min() < 0:
        return np.argsort(values, kind="stable")
    bits = np.abs(values).view(np.int64)
    used = int(np.bitwise_or.reduce(bits))
    bits = bits >> np.int64(max(0, (used & -used).bit_length() - 1))
    return _ordered(bits - bits.min())


def _ordered(numbers: Array, order: Array | None = None) -> Array:
    """Places in the order of whole numbers from 0 on; equal ones as they are in `order`, else as they came.

    Sorting by 16 bits at a time: numpy sorts by so few in a tenth of the time that it takes for 64.
    """
    most = int(numbers.max()) if len(numbers) else 0
    if most >= 2**48:
        kept = np.arange(len(numbers)) if order is None else order
        return np.asarray(kept[np.argsort(numbers[kept], kind="stable")])
    for shift in range(0, max(1, most.bit_length()), 16):
        digits = (numbers >> shift).astype(np.uint16)
        order = np.argsort(digits, kind="stable") if order is None else order[np.argsort(digits[order], kind="stable")]
    return np.asarray(order)
