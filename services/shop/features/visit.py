"""One request under way: what the steps of the plan have brought so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.entries import Entry
from services.common.trace import TraceContext

CANDIDATES_MAX = 200


@dataclass(slots=True)
class Visit:
    """`unsuccessful` holds the steps that failed or missed. `source` is the component the row came from."""

    user_id: int
    candidates: npt.NDArray[np.int64]
    span: TraceContext
    baggage: str = ""
    unsuccessful: set[str] = field(default_factory=set)
    entry: Entry | None = None
    source: str = "default"
    vector: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0))
    inputs: npt.NDArray[Any] = field(default_factory=lambda: np.empty((0, 0)))
    scores: npt.NDArray[Any] | None = None
    version: int = 0
    page: list[int] | None = None
