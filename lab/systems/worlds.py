"""What a system has of its world: the registration, and the settings of the components that have a part in it."""

from __future__ import annotations

from lab.registration.settings import Setting
from lab.registration.world import World, registration_of
from lab.systems.topology import System


def world_of(system: System) -> World | None:
    """The registration of the system's world; None where it has no world, or one that is not installed."""
    return registration_of(system.world.name) if system.world else None


def component_settings(system: System, component: str) -> dict[str, Setting]:
    """The settings that the system's world has for a component, from operations that it is called or calls for."""
    world = world_of(system)
    found: dict[str, Setting] = {}
    for name, caller in system.components.items():
        for step in caller.steps:
            operation = world.operations.get(step.operation or "") if world else None
            if operation and step.call == component:
                found |= operation.settings
            if operation and name == component:
                found |= operation.caller_settings
    return found
