"""One payment under way: what it says itself, and what the steps of the plan have brought so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.decisions.features import FEATURES
from services.common.trace import TraceContext

NO_SCORE = -1
"""What the rules are told of a payment that no model scored."""


def no_rows() -> dict[str, npt.NDArray[Any]]:
    """By feature table a row without any value: the contract's defaults take their place."""
    return {table: np.full(len(specs), np.nan) for table, specs in FEATURES.items()}


@dataclass(slots=True)
class Payment:
    """`asked`: what the payment says (fields of the request). `unsuccessful` holds the steps that failed or missed.

    `rows` by feature table, NaN where there is no value. `score_micro` in millionths.
    """

    asked: Mapping[str, Any]
    span: TraceContext
    baggage: str = ""
    unsuccessful: set[str] = field(default_factory=set)
    rows: dict[str, npt.NDArray[Any]] = field(default_factory=no_rows)
    inputs: npt.NDArray[Any] = field(default_factory=lambda: np.empty((0, 0)))
    score_micro: int = NO_SCORE
    version: int = 0
    decision: str = ""
