"""Logistic regression as a model registry describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def score(entry: Mapping[str, Any], inputs: Sequence[Array]) -> Array:
    """Scores of a registry entry on logged inputs, a column for each."""
    logit = np.full(len(inputs[0]), float(entry["intercept"]))
    for values, mean, scale, weight in zip(
        inputs, entry["standardize_mean"], entry["standardize_scale"], entry["weights"], strict=True
    ):
        logit += (values - mean) / scale * weight
    return np.asarray(1 / (1 + np.exp(-logit)))
