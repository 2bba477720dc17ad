"""The pools of a system: what so many can use at a time while others wait in a queue, workers or connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.systems.topology import System


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """One pool. `peer`: whom its connections lead to, empty for workers; `step`: the one that has it to itself.

    `queue`: how many may wait, None for all.
    """

    kind: Literal["workers", "connections"]
    owner: str
    size: int
    max_wait_s: float
    queue: int | None
    peer: str = ""
    step: str = ""

    @property
    def prefix(self) -> str:
        """What the configuration keys of connections begin with, in their owner's configuration."""
        return f"steps.{self.step}.pool" if self.step else f"pools.{self.peer}"


def pools(system: System) -> tuple[PoolSpec, ...]:
    """All pools: components' workers, then connections of links, then those of steps, in the order of the file."""
    workers = [
        PoolSpec("workers", name, spec.workers, spec.max_wait_s, spec.queue)
        for name, spec in system.components.items()
        if spec.has_worker_pool
    ]
    of_links = [
        PoolSpec("connections", caller, link.pool.size, link.pool.max_wait_s, link.pool.queue, peer)
        for (caller, peer), link in ((name.split("->"), link) for name, link in system.links.items())
        if link.pool
    ]
    of_steps = [
        PoolSpec("connections", name, step.pool.size, step.pool.max_wait_s, step.pool.queue, step.call or "", step.name)
        for name, spec in system.components.items()
        for step in spec.steps
        if step.pool
    ]
    return (*workers, *of_links, *of_steps)


def connections_of(system: System) -> dict[tuple[str, str], int]:
    """Which pool each call step uses, by caller and step: its own, else that of its link."""
    found = list(enumerate(pools(system)))
    own = {(pool.owner, pool.step): i for i, pool in found if pool.step}
    shared = {(pool.owner, pool.peer): i for i, pool in found if pool.kind == "connections" and not pool.step}
    used: dict[tuple[str, str], int] = {}
    for name, spec in system.components.items():
        for step in spec.steps:
            pool = own.get((name, step.name), shared.get((name, step.call or "")))
            if pool is not None:
                used[name, step.name] = pool
    return used
