"""Gradient-boosted trees as a model registry describes them (`lab.agreed.trees`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.agreed import trees

Array = npt.NDArray[Any]


def score(entry: Mapping[str, Any], inputs: Sequence[Array]) -> Array:
    """Scores of a registry entry on logged inputs, a column for each."""
    return trees.score(entry, np.column_stack(inputs).astype(np.float64))
