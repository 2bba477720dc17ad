"""Which configuration keys a component has, what each may be, and what the system's file says it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.files.units import MAX_DURATION_S
from lab.registration.settings import Setting
from lab.systems.topology import (
    MAX_QUEUE,
    MAX_RETRIES,
    MAX_VALUE,
    MAX_WORKERS,
    MIN_PERIOD_S,
    Component,
    Pool,
    Step,
    System,
)
from lab.systems.worlds import component_settings, world_of

_LONG = MAX_DURATION_S
STEP_KEYS = {
    "timeout_s": Setting("how long the caller waits for an attempt", "s", above=0, at_most=_LONG),
    "retries": Setting("how often it tries again after a failure", at_least=0, at_most=MAX_RETRIES, is_whole=True),
    "backoff_s": Setting("how long it waits before it tries again, doubled each time", "s", at_least=0, at_most=_LONG),
}
"""Keys of each step that calls another component and waits for the answer, under `steps.<step>.`."""
POOL_KEYS = {
    "size": Setting("connections in use at a time", at_least=1, at_most=MAX_WORKERS, is_whole=True),
    "max_wait_s": Setting("an attempt that waited so long for a connection fails", "s", at_least=0, at_most=_LONG),
    "queue": Setting("attempts that may wait for a connection", at_least=0, at_most=MAX_QUEUE, is_whole=True),
}
"""Keys of a pool: of a step's own under `steps.<step>.pool.`, of a link's, in its caller, under `pools.<callee>.`.
`queue` where the system's file gives one."""
LIMIT_KEYS = {
    "above": Setting("it runs for requests whose value is above this", at_least=-MAX_VALUE, at_most=MAX_VALUE),
    "at_most": Setting("it runs for requests whose value is at most this", at_least=-MAX_VALUE, at_most=MAX_VALUE),
}
"""Keys of each step that has them in its `when`, under `steps.<step>.`."""
SERVER_KEYS = {
    "workers": Setting("requests handled at a time", at_least=1, at_most=MAX_WORKERS, is_whole=True),
    "max_wait_s": Setting("a request that would wait longer for a worker is refused", "s", at_least=0, at_most=_LONG),
}
"""Keys of a component that serves requests."""
QUEUE = Setting("requests that may wait for a worker", at_least=0, at_most=MAX_QUEUE, is_whole=True)
"""The key `queue` of such a component whose queue is bounded."""
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
        for key, setting in LIMIT_KEYS.items():
            limit = getattr(step.when, key, None)
            if limit is not None:
                yield ConfigKey(f"steps.{step.name}.{key}", _reachable(system, setting), limit)
        if step.call is not None:
            for key, setting in STEP_KEYS.items() if step.wait else ():
                yield ConfigKey(f"steps.{step.name}.{key}", setting, _value(step, key))
            yield from _pool_keys(f"steps.{step.name}.pool", step.pool)
    for link, path in system.links.items():
        caller, callee = link.split("->")
        if caller == name:
            yield from _pool_keys(f"pools.{callee}", path.pool)
    own = {"users": {}, "job": JOB_KEYS}.get(spec.kind, SERVER_KEYS)
    for key, setting in own.items():
        yield ConfigKey(key, setting, _value(spec, key))
    if spec.queue is not None:
        yield ConfigKey("queue", QUEUE, spec.queue)
    for key, setting in component_settings(system, name).items():
        yield ConfigKey(f"settings.{key}", setting, spec.settings.get(key, setting.default))


def _reachable(system: System, limit: Setting) -> Setting:
    """A limit of a branch, between what the values of the system's world can be, as in a system's file."""
    world = world_of(system)
    if world is None or world.value is None:
        return limit
    return replace(limit, above=world.value.above, at_least=world.value.at_least, at_most=world.value.at_most)


def _pool_keys(prefix: str, pool: Pool | None) -> Iterator[ConfigKey]:
    for key, setting in POOL_KEYS.items() if pool else ():
        if pool is not None and getattr(pool, key) is not None:
            yield ConfigKey(f"{prefix}.{key}", setting, _value(pool, key))


def _value(spec: Component | Step | Pool, key: str) -> int | float:
    value: int | float = getattr(spec, key)
    return value
