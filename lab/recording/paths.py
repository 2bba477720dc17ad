"""Paths name a call within its request: which attempts led to it, all the way from the root.

`path = base * ATTEMPTS_MAX + attempt`, where `base` is 0 for calls made at the root and otherwise
`parent_path * edges_count + parent_edge + 1`. Retries high up therefore give the calls below them names, draws
and span ids of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ATTEMPTS_MAX = 6
"""One more than the retries a step may have."""


def attempt(path: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The attempt number of the call itself, 0 for the first."""
    return path % ATTEMPTS_MAX


def parent(path: npt.NDArray[Any], edges_count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """(path, edge) of the call that the caller was serving; edge -1 at the root."""
    base = path // ATTEMPTS_MAX
    at_root = base == 0
    return np.where(at_root, 0, (base - 1) // edges_count), np.where(at_root, -1, (base - 1) % edges_count)
