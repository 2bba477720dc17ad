"""Which configuration keys a component has, what each may be, and what the system's file says it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.files.units import MAX_DURATION_S
from lab.systems.offer import Setting, component_settings
from lab.systems.topology import MAX_RETRIES, MIN_PERIOD_S, Component, Step, System

_LONG = MAX_DURATION_S
STEP_KEYS = {
    "timeout_s": Setting("how long the caller waits for an attempt", "s", above=0, at_most=_LONG),
    "retries": Setting("how often it tries again after a failure", at_least=0, at_most=MAX_RETRIES, is_whole=True),
    "backoff_s": Setting("how long it waits before it tries again, doubled each time", "s", at_least=0, at_most=_LONG),
}
"""Keys of each step that calls another component, under `steps.<step>.`."""
SERVER_KEYS = {
    "workers": Setting("requests handled at a time", at_least=1, at_most=10_000, is_whole=True),
    "max_wait_s": Setting("a request that would wait longer for a worker is refused", "s", at_least=0, at_most=_LONG),
}
"""Keys of a component that serves requests."""
JOB_KEYS = {"period_s": Setting("time between runs, from the next one on", "s", at_least=MIN_PERIOD_S, at_most=_LONG)}
"""Keys of a job."""


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key of a component's configuration: what it may be, and its value in the system's file."""

    name: str
    setting: Setting
    value: int | float


def configuration(system: System, component: str) -> dict[str, ConfigKey]:
    """Every configuration key of a component by its dotted name, the world's settings included."""
    spec = system.components[component]
    return {key.name: key for key in _keys(system, component, spec)}


def _keys(system: System, name: str, spec: Component) -> Iterator[ConfigKey]:
    for step in spec.steps:
        if step.call is not None:
            for key, setting in STEP_KEYS.items():
                yield ConfigKey(f"steps.{step.name}.{key}", setting, _value(step, key))
    own = {"users": {}, "job": JOB_KEYS}.get(spec.kind, SERVER_KEYS)
    for key, setting in own.items():
        yield ConfigKey(key, setting, _value(spec, key))
    for key, setting in component_settings(system, name).items():
        yield ConfigKey(f"settings.{key}", setting, spec.settings[key])


def _value(spec: Component | Step, key: str) -> int | float:
    value: int | float = getattr(spec, key)
    return value
