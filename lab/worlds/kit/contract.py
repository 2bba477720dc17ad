"""The contract between a feature table and those who read it: what a column holds, and how one raw value is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One column of the contract: SQL type, unit, valid range, and the value used when it is null.

    `owner` says who writes it, `job` where a job computes it from events.
    """

    name: str
    type: str
    unit: str
    low: float
    high: float
    default: float
    owner: str

    @property
    def is_computed(self) -> bool:
        """Whether a job computes it from events."""
        return self.owner == "job"


class ContractViolationError(ValueError):
    """A row does not have the form the feature code relies on."""

    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(message)


def parse_value(row: Mapping[str, Any], column: str) -> float:
    """One feature out of a raw row; None (SQL NULL) becomes NaN and is imputed later.

    Raises ContractViolationError with the wording of the underlying KeyError or ValueError.
    """
    if column not in row:
        raise ContractViolationError(column, f"KeyError: {column!r}")
    value = row[column]
    if value is None:
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ContractViolationError(column, f"ValueError: {error}") from error
