"""Blocks of rows by a number that few of them differ in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def groups(numbers: Array) -> list[tuple[int, Array | slice]]:
    """(number, the rows that have it) for each number, in order."""
    if not len(numbers):
        return []
    if (numbers == numbers[0]).all():  # as almost always
        return [(int(numbers[0]), slice(None))]
    return [(number, np.flatnonzero(numbers == number)) for number in np.unique(numbers).tolist()]
