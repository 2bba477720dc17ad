"""The settings of jobs and of the campaign tool, as they are now."""

from __future__ import annotations

import copy

from lab.systems.topology import System
from lab.worlds.batch.operations import OPERATIONS

APPEND = 1
"""The write mode that adds to what is there; 0 writes in its place."""


class Settings:
    """Values by component and key. A setting belongs to who calls for an operation, or to who does it."""

    def __init__(self, system: System) -> None:
        self._callers = {
            step.operation: name for name, one in system.components.items() for step in one.steps if step.operation
        }
        self._performers = system.performers
        self._values: dict[tuple[str, str], float] = {}
        for name, operation in OPERATIONS.items():
            by_caller, by_performer = self._callers.get(name), self._performers.get(name)
            for owner, settings in ((by_caller, operation.caller_settings), (by_performer, operation.settings)):
                for key, setting in settings.items():
                    if owner is not None:
                        given = system.components[owner].settings.get(key, setting.default)
                        self._values[owner, key] = float(given or 0)

    def caller(self, operation: str) -> str:
        """The component that calls for an operation."""
        return self._callers[operation]

    def performer(self, operation: str) -> str:
        """The component that does an operation."""
        return self._performers[operation]

    def of(self, operation: str, key: str) -> float:
        """The value of a setting of who calls for an operation or does it."""
        by_caller = key in OPERATIONS[operation].caller_settings
        return self._values[self._callers[operation] if by_caller else self._performers[operation], key]

    def has(self, operation: str, key: str) -> bool:
        """Whether there is such a setting."""
        return key in OPERATIONS[operation].caller_settings or key in OPERATIONS[operation].settings

    def get(self, component: str, key: str) -> float:
        """The value of a component's key."""
        return self._values[component, key]

    def set(self, component: str, key: str, value: float) -> None:
        """Sets a component's key."""
        self._values[component, key] = value

    def copy(self) -> Settings:
        """Ones that go on for themselves."""
        copied = copy.copy(self)
        copied._values = dict(self._values)
        return copied
