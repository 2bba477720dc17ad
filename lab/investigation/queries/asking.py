"""What all queries share: what is wrong with a question, and numbers as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lab.errors import Problem

Array = npt.NDArray[Any]


class QueryError(Exception):
    """A question that has no answer: what is wrong, what was seen, what was expected, what to do."""

    def __init__(self, what: str, *, seen: str = "", expected: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.seen, self.expected, self.hint = what, seen, expected, hint

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """A problem of the lab, without the file that it is in."""
        return cls(problem.what, seen=problem.seen, expected=problem.expected, hint=problem.hint)


class UnknownError(QueryError):
    """A question about something that is not there, or cannot be seen yet."""


def plain(values: Array) -> list[Any]:
    """Numbers for JSON: what is missing is None."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    known = np.isfinite(values)
    return [value if is_known else None for value, is_known in zip(values.tolist(), known.tolist(), strict=True)]


def without_nan(entry: Any) -> Any:
    """JSON content in which NaN and infinities are null."""
    if isinstance(entry, float):
        return entry if np.isfinite(entry) else None
    if isinstance(entry, Mapping):
        return {str(name): without_nan(value) for name, value in entry.items()}
    if isinstance(entry, list | tuple):
        return [without_nan(value) for value in entry]
    return entry


def within(times_s: Array, since_s: float | None, until_s: float | None) -> Array:
    """Mask of the times in `[since_s, until_s]`."""
    mask = np.ones(len(times_s), bool)
    if since_s is not None:
        mask &= times_s >= since_s
    if until_s is not None:
        mask &= times_s <= until_s
    return mask
