"""What a world offers a topology: the names its steps may use, known without loading the world itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

from lab.plugins import installed
from lab.systems.topology import System

WORLD_GROUP = "lab.worlds"


@dataclass(frozen=True, slots=True)
class Setting:
    """A number in a configuration: what it means, its unit (`s`; empty for a count) and its limits.

    With a `default` it may be left out.
    """

    doc: str
    unit: str = ""
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    is_whole: bool = False
    default: float | None = None

    def fits(self, value: object) -> bool:
        """Whether a value is such a number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if self.is_whole and not float(value).is_integer():
            return False
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    @property
    def limits(self) -> str:
        """The limits in words, as `more than 0 and at most 10`."""
        words = (("more than", self.above), ("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {limit:g}" for word, limit in words if limit is not None)

    @property
    def expected(self) -> str:
        """What a value may be, in words."""
        kind = "seconds" if self.unit == "s" else "a whole number" if self.is_whole else "a number"
        return ", ".join(part for part in (kind, self.limits) if part)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call may do: the kind of component that does it, and what that component must have for it.

    Without a `needed` operation the world cannot run.
    """

    kind: str
    needed: bool = False
    settings: Mapping[str, Setting] = field(default_factory=dict)
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """`operations` are for `operation:`, `own_code` for `run:`, `fallbacks` for `fallback:`.

    `settings` are the world's own; `feature_table` is the only one whose columns can be changed. Model versions 1 to
    `model_versions` are there from the start, the last of them serves; `trainings` are the ways to train another.
    """

    operations: Mapping[str, Operation] = field(default_factory=dict)
    own_code: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    feature_table: str = ""
    model_versions: int = 1
    trainings: tuple[str, ...] = ()


def component_settings(system: System, component: str) -> dict[str, Setting]:
    """The settings that the system's world has for a component, from the operations that others call it for."""
    offer = world_offer(system.world.name) if system.world else None
    found: dict[str, Setting] = {}
    for caller in system.components.values():
        for step in caller.steps:
            operation = offer.operations.get(step.operation or "") if offer and step.call == component else None
            found |= operation.settings if operation else {}
    return found


def installed_worlds() -> dict[str, EntryPoint]:
    """Worlds by name; none where the lab's sources are used without being installed."""
    return installed(WORLD_GROUP, "world")


def world_attribute(world: str, attribute: str) -> Any:
    """An attribute of a world's package; None where the world is not installed or its package has none of that name."""
    found = installed_worlds()
    return getattr(import_module(found[world].module), attribute, None) if world in found else None


def world_offer(world: str) -> Offer | None:
    """The `OFFER` of a world; None where it makes none, and its names are then left to the run."""
    offer: Offer | None = world_attribute(world, "OFFER")
    return offer


def feature_columns(system: System) -> tuple[str, ...]:
    """Columns that the feature code of the system's world reads; none where it has no world or the world none.

    Light: they are in the world's package (`COLUMNS`), without loading the world.
    """
    return tuple(world_attribute(system.world.name, "COLUMNS") or ()) if system.world else ()
