"""Configuration that may change while a service runs: how its steps call others. A restart makes it as at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.registration.settings import Setting
from lab.systems.configuration import STEP_KEYS
from services.common.policies import Policy


class NoSettingError(Exception):
    """There is no such key."""


def describe_steps(policy_of: Mapping[str, Policy]) -> dict[str, Any]:
    """The steps' keys and values."""
    return {step: {key: getattr(policy, key) for key in STEP_KEYS} for step, policy in policy_of.items()}


def change_step(policy_of: Mapping[str, Policy], step: str, key: str, value: Any) -> None:
    """Sets a key of a step from its next call on. NoSettingError, or ValueError for a value outside of the limits."""
    if step not in policy_of or key not in STEP_KEYS:
        raise NoSettingError(f"no setting {key!r} of a step {step!r}")
    setattr(policy_of[step], key, checked(key, STEP_KEYS[key], value))


def checked(key: str, setting: Setting, value: Any) -> int | float:
    """The value of a key; ValueError where it is not what the setting may be."""
    if setting.is_whole and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not setting.fits(value):
        raise ValueError(f"{key}: expected {setting.expected}, got {value!r}")
    found: int | float = value
    return found
