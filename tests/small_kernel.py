"""A kernel of a few lines, for tests of how kernels are compiled, kept and loaded."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from lab.compiled import kernel, signed, unsigned
from lab.draws import mix

STEP = 3


class Small(NamedTuple):
    """words: (n, 2); floats: (n,)."""

    words: Any
    floats: Any


KINDS = {"words": "i2", "floats": "f"}


@kernel
def hashed(t: Small, row: int) -> int:
    return signed(mix(unsigned(t.words[row, 0])))


def entry(t: Small, until: int) -> int:
    """Hashes each row's first word into its second, some of its logarithm into `floats`; returns rows done."""
    row = 0
    while row < t.words.shape[0] and row < until:
        t.words[row, 1] = hashed(t, row)
        t.floats[row] = math.exp(-math.log(1.0 + abs(t.words[row, 0]))) * STEP
        row += 1
    return row
