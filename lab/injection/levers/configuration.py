"""The lever of configurations: one key of one component, by its dotted name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from lab.errors import ParameterError, Problem, nearest
from lab.injection.levers.record import PROCESSES, LeverValue, Place
from lab.systems.configuration import ConfigKey, configuration
from lab.systems.topology import System

__all__ = ["ConfigSet"]


class ConfigSet(LeverValue, lever="config.set", on=PROCESSES | {"users"}, part="key", kept="journalled"):
    """Sets a key of a component's configuration, such as `steps.db_get.timeout_s`.

    Which keys a component has, and what they may be, follows from its kind, its steps and its world.
    """

    value: int | float

    @classmethod
    def check_part(cls, system: System, place: Place) -> None:
        known = configuration(system, place.element)
        if place.part not in known:
            what = f"{place.element!r} has no configuration key {place.part!r}"
            raise ParameterError("key", Problem(what, hint=nearest(place.part, known) or "it has no keys"))

    @classmethod
    def key(cls, system: System, place: Place) -> ConfigKey:
        """What is known of the key at a place that was checked."""
        return configuration(system, place.element)[place.part]

    def check(self, system: System, place: Place) -> None:
        setting = self.key(system, place).setting
        if not setting.fits(self.value):
            what = f"bad value for {place.part!r} of {place.element!r}"
            raise ParameterError("value", Problem(what, seen=repr(self.value), expected=setting.expected))

    @classmethod
    def neutral(cls, system: System, place: Place) -> Self:
        return cls(value=cls.key(system, place).value)

    @classmethod
    def parts(cls, system: System, element: str) -> Iterable[str]:
        return configuration(system, element)

    @classmethod
    def example(cls, system: System, place: Place) -> Self:
        key = cls.key(system, place)
        others = (value for value in (key.value * 2, key.value + 1, key.value - 1) if value != key.value)
        return cls(value=next(value for value in others if key.setting.fits(value)))
