"""Configuration that may change while a service runs: how its steps call others. A restart makes it as at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.files.units import MAX_DURATION_S
from services.common.calls import Policy

LIMITS = {"timeout_s": (0.001, MAX_DURATION_S), "retries": (0, 5), "backoff_s": (0.0, MAX_DURATION_S)}
"""Keys of a step, with the least and the greatest value."""


class NoSettingError(Exception):
    """There is no such key."""


def describe_steps(policy_of: Mapping[str, Policy]) -> dict[str, Any]:
    """The steps' keys and values."""
    return {step: {key: getattr(policy, key) for key in LIMITS} for step, policy in policy_of.items()}


def change_step(policy_of: Mapping[str, Policy], step: str, key: str, value: float) -> None:
    """Sets a key of a step from its next call on. NoSettingError, or ValueError for a value outside of the limits."""
    if step not in policy_of or key not in LIMITS:
        raise NoSettingError(f"no setting {key!r} of a step {step!r}")
    value = checked(key, value, *LIMITS[key], is_whole=key == "retries")
    setattr(policy_of[step], key, int(value) if key == "retries" else value)


def checked(key: str, value: Any, low: float, high: float, *, is_whole: bool = False) -> float:
    """The value of a key; ValueError where it is no number or outside of its limits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{key}: expected {low:g} to {high:g}, got {value!r}")
    if is_whole and value != int(value):
        raise ValueError(f"{key}: expected a whole number, got {value!r}")
    return value
