"""A pool that is too small for the work: connections to another component, or a component's own threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NoReturn

from pydantic import Field

from lab.contracts import Boundary
from lab.errors import ParameterError, Problem, nearest
from lab.injection.faults import Witness, fault
from lab.injection.levers import ConfigSet, Testbed
from lab.systems.pools import PoolSpec, pools
from lab.systems.topology import MAX_WORKERS, System

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
WORKERS = "workers"


def _usual(system: System, component: str) -> dict[str, str | None]:
    """The component's only pool of connections; its workers where it has none."""
    own = [pool for pool in pools(system) if pool.owner == component]
    found = dict.fromkeys(_name(pool) for pool in own if pool.kind == "connections") or dict.fromkeys(map(_name, own))
    return {"pool": next(iter(found)) if len(found) == 1 else None}


@fault(
    "pool-shrunk",
    boundary=Boundary.RESOURCE,
    target="service|database|cache|model|job",
    witnesses=(
        Witness("connection_wait_mean_s", "{target}.{pool}", 0.001),
        Witness("connection_exhausted_ratio", "{target}.{pool}", 0.02),
        Witness("queue_wait_mean_s", "{target}", 0.001),
        Witness("queue_shed_ratio", "{target}", 0.02),
    ),
    recovery_s=45,
    defaults=_usual,
)
def pool_shrunk(
    testbed: Testbed,
    component: str,
    *,
    pool: Name | None = None,
    step: Name | None = None,
    size: Annotated[int, Field(ge=1, le=MAX_WORKERS)] = 1,
) -> Iterator[None]:
    """A change of configuration leaves a pool of the component `size` connections or threads, fewer than it had.

    `pool` names whose: the component that its connections lead to, or `workers` for its own threads, where they are
    handed out one by one (`handling` or `queue` of the system's file). It need not be given where there is one pool of
    connections, or none. `step` names the step whose own pool is meant, where there are several to one component.
    """
    with testbed.pull(f"{component}/{_key(testbed.system, component, pool, step, size)}", ConfigSet(value=size)):
        yield


def _key(system: System, component: str, pool: str | None, step: str | None, size: int) -> str:
    """The configuration key of the pool's size; ParameterError where there is no such pool, or it is no larger."""
    own = [one for one in pools(system) if one.owner == component]
    names = list(dict.fromkeys(map(_name, own)))
    if not own:
        expected = "connections (`pool` of a link or step), or workers with `handling` or `queue`"
        owners = ", ".join(dict.fromkeys(one.owner for one in pools(system)))
        hint = "give the system one, or take another fault"
        if owners:
            hint = f"in {system.name!r} these have pools: {owners}"
        _refuse("pool", f"{component!r} has no pool", f"none in system {system.name!r}", expected, hint)
    if pool is None:
        _refuse("pool", f"{component!r} has several pools", "no 'pool'", f"'pool': one of {', '.join(names)}")
    found = [one for one in own if _name(one) == pool]
    if not found:
        _refuse("pool", f"{component!r} has no pool {pool!r}", pool, f"one of {', '.join(names)}", nearest(pool, names))
    chosen = [one for one in found if one.step == (step or "")] or (found if step is None else [])
    if len(chosen) != 1:
        steps = [one.step for one in found if one.step]
        expected = f"one of {', '.join(steps)}" if steps else "no 'step': all steps share one pool"
        several = f"{component!r} has several pools to {pool!r}"
        what = several if step is None else f"step {step!r} has no pool of its own"
        _refuse("step", what, step or "no 'step'", expected, nearest(step or "", steps))
    if size >= chosen[0].size:
        _refuse("size", "the pool does not shrink", str(size), f"less than {chosen[0].size}, the size that it has")
    return f"{chosen[0].prefix}.size" if chosen[0].kind == "connections" else WORKERS


def _name(pool: PoolSpec) -> str:
    return pool.peer or WORKERS


def _refuse(parameter: str, what: str, seen: str, expected: str, hint: str = "") -> NoReturn:
    raise ParameterError(parameter, Problem(what, seen=seen, expected=expected, hint=hint))
