"""The content levers of the world behind a system."""

from __future__ import annotations

from lab.injection.levers import ActValue, LeverTable, LeverValue
from lab.registration.world import World, loaded, registration_of
from lab.systems.topology import System


def levers_of(world: World | None) -> LeverTable[object] | None:
    """The levers that a world has of its content; None where it has none."""
    table: LeverTable[object] | None = loaded(world.levers) if world is not None and world.levers else None
    return table


def content_levers(system: System) -> LeverTable[object] | None:
    """The content levers of a system's world; None where it has no world, or one without any."""
    return levers_of(registration_of(system.world.name)) if system.world else None


def lacks_content(system: System, value: LeverValue | ActValue) -> str:
    """That the system's world has no such content lever or act, in words; empty where it has it, or has no table."""
    table = content_levers(system)
    if system.world is None or table is None or type(value) in table:
        return ""
    return f"the world {system.world.name} has no {value.word} {value.name}"
