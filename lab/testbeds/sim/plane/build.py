"""The plane's tables from a topology: who calls whom over what link and by which policy, and what operations do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count

import numpy as np

from lab.called import Function
from lab.clock import NS, to_ns
from lab.compiled import signed
from lab.content.operations import VALUE_SCALE
from lab.content.protocol import Layout
from lab.draws import threshold
from lab.systems.calls import CallGraph
from lab.systems.pools import connections_of, pools
from lab.systems.topology import Component, Step, System
from lab.testbeds.sim.plane import layout as at
from lab.testbeds.sim.plane.samplers import parameters, quantiles
from lab.testbeds.sim.plane.world_view import carries_more, operation_rows, put_layout, table_rows

NO_CONTENT = Layout({})
"""The layout of a system without a world."""
SIDES, ROWS = 1 << 15, 1 << 12
"""Rows of the blocks of span sides and of results, which the driver takes out when they are full."""


@dataclass(frozen=True)
class Built:
    """Tables at rest, and what their rows stand for.

    `operations`: names by row of the table `operation`. `decide`, `settles_first`: of the world's layout.
    """

    tables: at.Tables
    operations: tuple[str, ...]
    decide: Function | None = None
    settles_first: bool = True


def build(system: System, content: Layout = NO_CONTENT) -> Built:
    """The tables of a topology at rest. KeyError for an operation that the world does not offer."""
    graph, components = CallGraph(system), system.components
    operations, more = operation_rows(content), carries_more(content)
    whens = sum(step.when is not None for c in components.values() for step in c.steps)
    tables = at.new_tables(
        heap=256, frame=256, pay=256, component=len(components), component_f=len(components),
        edge=len(graph.edges), edge_f=len(graph.edges), step=sum(len(c.steps) for c in components.values()),
        pool=len(pools(system)),
        link=len(system.links), link_f=len(system.links), free=sum(c.workers for c in components.values()),
        span=SIDES, served=ROWS, done=ROWS, more=256 if more else 1, done_more=ROWS if more else 1, when=whens,
        **table_rows(content),
    )  # fmt: skip
    samplers = Samplers()
    _components(tables, system)
    _pools(tables, graph)
    _steps(tables, system, operations)
    _links(tables, system, samplers)
    _edges(tables, graph, operations, samplers)
    put_layout(tables, content)
    return Built(samplers.put_into(tables), tuple(operations), content.decide, content.settles_first)


class Samplers:
    """The lognormal distributions of a system, one for each coefficient of variation."""

    def __init__(self) -> None:
        self._rows: dict[float, int] = {}

    def row(self, cv: float) -> int:
        """Where the distribution is; -1 for one that is always its mean."""
        return self._rows.setdefault(cv, len(self._rows)) if cv > 0 else -1

    def put_into(self, tables: at.Tables) -> at.Tables:
        """Tables with these distributions."""
        if not self._rows:
            return tables
        return tables._replace(
            sampler=np.array([parameters(at.LOGNORMAL, cv) for cv in self._rows]),
            quantile=np.array([quantiles(at.LOGNORMAL, cv) for cv in self._rows]),
        )


def edge_key(link: str, step: str) -> int:
    """A call's key in draws, by what it is."""
    digest = blake2b(f"{link}:{step}".encode(), digest_size=8).digest()
    return signed(int.from_bytes(digest, "little"))


def _components(tables: at.Tables, system: System) -> None:
    first_step = first_free = 0
    for row, spec in zip(tables.component, system.components.values(), strict=True):
        row[at.C_WORKERS], row[at.C_FIRST_FREE] = spec.workers, first_free
        row[at.C_MAX_WAIT] = to_ns(spec.max_wait_s)
        row[at.C_FIRST_STEP] = first_step if spec.steps else -1
        row[at.C_QUEUE_HEAD] = row[at.C_QUEUE_TAIL] = -1
        row[at.C_NOISE] = threshold(spec.background_error_ratio)
        row[at.C_POOL] = -1
        first_step, first_free = first_step + len(spec.steps), first_free + spec.workers


def _pools(tables: at.Tables, graph: CallGraph) -> None:
    owners = {name: i for i, name in enumerate(graph.components)}
    for i, pool in enumerate(pools(graph.system)):
        row, owner = tables.pool[i], owners[pool.owner]
        row[[at.R_HEAD, at.R_TAIL]] = -1
        row[[at.R_SIZE, at.R_MAX_WAIT, at.R_LOOK_AT]] = pool.size, to_ns(pool.max_wait_s), at.FAR
        row[at.R_LIMIT] = at.FAR if pool.queue is None else pool.queue
        row[at.R_KEEPS] = graph.system.components[pool.owner].handling == "thread-per-request"
        row[at.R_OWNER] = owner if pool.kind == "workers" else -1 - owner
        if pool.kind == "workers":
            tables.component[owner, [at.C_POOL, at.C_HELD]] = i, at.POOLED


def _steps(tables: at.Tables, system: System, operations: Mapping[str, int]) -> None:
    row = edge = 0
    when = count(1)
    for spec in system.components.values():
        for i, (step, bit) in enumerate(_bits(spec), start=1):
            words = tables.step[row]
            words[at.S_NEXT] = row + 1 if i < len(spec.steps) else -1
            words[at.S_IS_CALL] = step.call is not None
            words[at.S_INDEX] = edge if step.run is None else operations[step.run]
            words[at.S_UNLESS], words[at.S_AFTER] = _bit_of(spec, step.unless), _bit_of(spec, step.after)
            words[at.S_BIT], words[at.S_GOES_ON] = bit, step.on_failure == "continue"
            if step.when is not None:
                words[at.S_WHEN] = next(when)
                tables.when[words[at.S_WHEN] - 1] = limit_words(step.when.above, step.when.at_most)
            if step.run is None:
                tables.edge[edge, at.E_NEXT] = words[at.S_NEXT]
            row, edge = row + 1, edge + (step.run is None)


def _links(tables: at.Tables, system: System, samplers: Samplers) -> None:
    for row, link in enumerate(system.links.values()):
        tables.link_f[row, at.LF_MEAN] = link.latency_s * NS
        tables.link[row, at.L_SAMPLER] = samplers.row(link.cv)


def _edges(tables: at.Tables, graph: CallGraph, operations: Mapping[str, int], samplers: Samplers) -> None:
    system = graph.system
    components = {name: i for i, name in enumerate(graph.components)}
    links = {link: i for i, link in enumerate(system.links)}
    connections = connections_of(system)
    for row, edge in zip(tables.edge, graph.edges, strict=True):
        step, callee = edge.step, system.components[edge.callee]
        service = step.service_time or callee.service_time
        row[at.E_CALLEE], row[at.E_LINK] = components[edge.callee], links[edge.link]
        row[at.E_TIMEOUT], row[at.E_RETRIES] = to_ns(step.timeout_s), step.retries
        row[at.E_BACKOFF] = to_ns(step.backoff_s)
        if service is not None:
            row[at.E_SAMPLER], tables.edge_f[edge.index, at.EF_MEAN] = samplers.row(service.cv), service.mean_s * NS
        # Without a world an operation is a name in logs and spans, and nothing more.
        row[at.E_OPERATION] = operations[step.operation] if step.operation and system.world else -1
        row[at.E_TRAITS] = at.TRAIT_LEAF if not (callee.steps or callee.has_worker_pool) else 0
        row[at.E_TRAITS] |= 0 if step.wait else at.TRAIT_MESSAGE
        row[at.E_TRAITS] |= (1 + connections.get((edge.caller, step.name), -1)) << at.TRAIT_POOL_SHIFT
        # Named by what it is, so that another hop shifts no draw.
        row[at.E_KEY] = edge_key(edge.link, edge.name)
        row[at.E_BIT], row[at.E_GOES_ON] = _bit_of(system.components[edge.caller], step.name), _goes_on(step)


def limit_words(above: float | None, at_most: float | None) -> tuple[int, int]:
    """A row of `when`: both limits in the unit of values. There is always one to compare with."""
    low, high = (fallback if limit is None else round(limit * VALUE_SCALE)
                 for limit, fallback in ((above, -at.FAR), (at_most, at.FAR)))  # fmt: skip
    return low, high


def _bits(component: Component) -> list[tuple[Step, int]]:
    return [(step, 1 << i) for i, step in enumerate(component.steps)]


def _bit_of(component: Component, name: str | None) -> int:
    return next((bit for step, bit in _bits(component) if step.name == name), 0)


def _goes_on(step: Step) -> bool:
    return step.on_failure == "continue"
