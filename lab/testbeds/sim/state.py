"""The simulated system's state: what levers write. The request plane's tables get copies of it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.clock import to_ns
from lab.injection.levers import (
    ComponentLimit,
    ComponentSlow,
    LinkCut,
    LinkDelay,
    LinkDrop,
    LinkReset,
    LinkThrottle,
)
from lab.systems.calls import CallGraph
from lab.systems.pools import PoolSpec, pools
from lab.systems.topology import Component, Link, System

RETRANSMISSION_TIMEOUT_NS = 200_000_000


class LinkState:
    """A link with its active faults."""

    __slots__ = ("cut", "delay", "drop", "name", "reset", "spec", "throttle")

    def __init__(self, name: str, spec: Link) -> None:
        self.name = name
        self.spec = spec
        self.cut: LinkCut | None = None
        self.delay: LinkDelay | None = None
        self.drop: LinkDrop | None = None
        self.reset: LinkReset | None = None
        self.throttle: LinkThrottle | None = None

    @property
    def faulty(self) -> bool:
        """Whether any of its faults is not neutral."""
        faults = (self.cut, self.delay, self.drop, self.reset, self.throttle)
        return any(fault is not None for fault in faults)

    def adopt(self, other: LinkState) -> None:
        """Takes over another one's faults."""
        self.cut, self.delay, self.drop = other.cut, other.delay, other.drop
        self.reset, self.throttle = other.reset, other.throttle


class ComponentState:
    """A component's condition. `holds`: what keeps the work that arrives from being done, for now."""

    __slots__ = (
        "configured_workers", "holds", "index", "limit", "max_wait_ns", "name", "period_ns", "queue", "slow", "spec",
        "stopped_by",
    )  # fmt: skip

    def __init__(self, name: str, index: int, spec: Component) -> None:
        self.name = name
        self.index = index
        self.spec = spec
        self.configured_workers = spec.workers
        self.period_ns = to_ns(spec.period_s)
        self.max_wait_ns = to_ns(spec.max_wait_s)
        self.queue = spec.queue
        self.slow: ComponentSlow | None = None
        self.limit: ComponentLimit | None = None
        self.stopped_by: set[str] = set()
        self.holds: set[str] = set()

    def stop(self, reason: str, is_stopped: bool) -> None:
        """Stops it, or lets it run where nothing else keeps it stopped."""
        (self.stopped_by.add if is_stopped else self.stopped_by.discard)(reason)

    @property
    def stopped(self) -> bool:
        """Whether it refuses what comes."""
        return bool(self.stopped_by)

    @property
    def stretch(self) -> float:
        """What its own work is multiplied by."""
        return (self.slow.factor if self.slow else 1.0) / self.cpu_share

    @property
    def cpu_share(self) -> float:
        """Share of its normal CPU it may use."""
        return (self.limit.cpu if self.limit else None) or 1.0

    @property
    def workers(self) -> int:
        """How many requests it works on at once."""
        return (self.limit.workers if self.limit else None) or self.configured_workers

    def adopt(self, other: ComponentState) -> None:
        """Takes over another one's condition."""
        self.configured_workers, self.max_wait_ns = other.configured_workers, other.max_wait_ns
        self.period_ns, self.queue, self.slow, self.limit = other.period_ns, other.queue, other.slow, other.limit
        self.stopped_by, self.holds = set(other.stopped_by), set(other.holds)


@dataclass(slots=True)
class Connections:
    """A pool of connections. `index`: its number among all pools of the system; `queue`: None for no limit."""

    index: int
    spec: PoolSpec
    size: int
    max_wait_ns: int
    queue: int | None

    def set(self, key: str, value: float) -> None:
        """Sets one of `lab.systems.configuration.POOL_KEYS`."""
        if key == "size":
            self.size = int(value)
        elif key == "max_wait_s":
            self.max_wait_ns = to_ns(value)
        else:
            self.queue = int(value)


@dataclass(slots=True)
class Edge:
    """One call step: caller, callee, link and the policy for it. `index`: its number in the call graph."""

    index: int
    name: str
    caller: ComponentState
    callee: ComponentState
    link: LinkState
    timeout_ns: int
    retries: int
    backoff_ns: int
    extra_ns: int = 0


@dataclass(slots=True)
class Limits:
    """Between which values of a request a step runs (`when`). None: no limit on that side."""

    component: str
    step: str
    above: float | None
    at_most: float | None


@dataclass(frozen=True, slots=True)
class SystemState:
    """Every component, link and edge of a topology, and the limits of its branches, ready to run."""

    system: System
    components: dict[str, ComponentState]
    links: dict[str, LinkState]
    edges: list[Edge]
    connections: list[Connections]
    limits: list[Limits]

    @property
    def entry_edge(self) -> Edge | None:
        """The users' call into the system; None where none come."""
        return next((edge for edge in self.edges if edge.caller.spec.kind == "users"), None)

    def adopt(self, other: SystemState) -> None:
        """Takes over the condition of everything of the same system."""
        for name, component in self.components.items():
            component.adopt(other.components[name])
        for name, link in self.links.items():
            link.adopt(other.links[name])
        for mine, its in zip(self.edges, other.edges, strict=True):
            mine.timeout_ns, mine.retries, mine.backoff_ns = its.timeout_ns, its.retries, its.backoff_ns
            mine.extra_ns = its.extra_ns
        for pool, its_pool in zip(self.connections, other.connections, strict=True):
            pool.size, pool.max_wait_ns, pool.queue = its_pool.size, its_pool.max_wait_ns, its_pool.queue
        for limits, others in zip(self.limits, other.limits, strict=True):
            limits.above, limits.at_most = others.above, others.at_most

    def edges_into(self, component: str) -> list[Edge]:
        """The calls that a component answers."""
        return [edge for edge in self.edges if edge.callee.name == component]


def at_rest(system: System) -> SystemState:
    """The state of a topology at rest."""
    components = {name: ComponentState(name, i, spec) for i, (name, spec) in enumerate(system.components.items())}
    links = {name: LinkState(name, spec) for name, spec in system.links.items()}
    edges = [
        Edge(
            index=call.index,
            name=call.name,
            caller=components[call.caller],
            callee=components[call.callee],
            link=links[call.link],
            timeout_ns=to_ns(call.step.timeout_s),
            retries=call.step.retries,
            backoff_ns=to_ns(call.step.backoff_s),
        )
        for call in CallGraph(system).edges
    ]
    connections = [
        Connections(i, pool, pool.size, to_ns(pool.max_wait_s), pool.queue)
        for i, pool in enumerate(pools(system))
        if pool.kind == "connections"
    ]
    limits = [
        Limits(name, step.name, step.when.above, step.when.at_most)
        for name, spec in system.components.items()
        for step in spec.steps
        if step.when is not None
    ]
    return SystemState(system, components, links, edges, connections, limits)
