"""The rank-sum test: do two samples come from one distribution, or does one tend to have the larger values?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.signals.ranks import midranks

Array = npt.NDArray[Any]


def rank_sum_p(one: Array, other: Array) -> float:
    """Two-sided p-value of the Mann-Whitney test: normal approximation, corrected for ties and for continuity.

    H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947). 1 where all values are the same.
    ValueError where a sample is empty or holds NaN: there is nothing to rank.
    """
    n_one, n_other = len(one), len(other)
    values = np.concatenate([one, other])
    if not n_one or not n_other or np.isnan(values).any():
        raise ValueError(f"samples of {n_one} and {n_other} values, expected at least one each and no NaN")
    ranks, tied = midranks(values)
    n, pairs = n_one + n_other, n_one * n_other
    wins = float(ranks[:n_one].sum()) - n_one * (n_one + 1) / 2
    ties = float((tied**3 - tied).sum())
    spread = math.sqrt(max(0.0, pairs / 12 * ((n + 1) - ties / (n * (n - 1)))))
    if spread == 0:
        return 1.0
    z = (max(wins, pairs - wins) - pairs / 2 - 0.5) / spread
    return min(1.0, math.erfc(z / math.sqrt(2)))
