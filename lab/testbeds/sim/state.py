"""The simulated system's state: what levers write and the request engine reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

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
from lab.systems.topology import Component, Link, Step, System
from lab.worlds.base import Operation

if TYPE_CHECKING:
    from lab.testbeds.sim.engine import Call

RETRANSMISSION_TIMEOUT_NS = 200_000_000


class LinkState:
    """A link with its active faults. `faulty` is false while every one of them is neutral."""

    __slots__ = ("cut", "delay", "drop", "faulty", "free_at_ns", "name", "reset", "spec", "throttle")

    def __init__(self, name: str, spec: Link) -> None:
        self.name = name
        self.spec = spec
        self.cut: LinkCut | None = None
        self.delay: LinkDelay | None = None
        self.drop: LinkDrop | None = None
        self.reset: LinkReset | None = None
        self.throttle: LinkThrottle | None = None
        self.free_at_ns = 0
        self.faulty = False

    def update(self) -> None:
        """Recomputes `faulty`."""
        faults = (self.cut, self.delay, self.drop, self.reset, self.throttle)
        self.faulty = any(fault is not None for fault in faults)

    def adopt(self, other: LinkState) -> None:
        """Takes over another one's faults."""
        self.cut, self.delay, self.drop = other.cut, other.delay, other.drop
        self.reset, self.throttle = other.reset, other.throttle
        self.update()


class ComponentState:
    """A component's workers and condition.

    `free_ns` is a heap of the times at which its workers become free. `stretch` multiplies own work.
    `held` keeps work that arrived while it was paused or blocked.
    """

    __slots__ = (
        "busy_ns", "configured_workers", "free_ns", "held", "holds", "index", "limit", "max_wait_ns", "name",
        "period_ns", "slow", "spec", "steps", "stopped", "stopped_by", "stretch", "throttled_ns", "workers",
    )  # fmt: skip

    def __init__(self, name: str, index: int, spec: Component) -> None:
        self.name = name
        self.index = index
        self.spec = spec
        self.workers = self.configured_workers = spec.workers
        self.period_ns = to_ns(spec.period_s)
        self.free_ns = [0] * spec.workers
        self.max_wait_ns = to_ns(spec.max_wait_s)
        self.stretch = 1.0
        self.slow: ComponentSlow | None = None
        self.limit: ComponentLimit | None = None
        self.stopped = False
        self.stopped_by: set[str] = set()
        self.holds: set[str] = set()
        self.held: list[Call] = []
        self.busy_ns = 0
        self.throttled_ns = 0
        self.steps: list[Edge | RunStep] = []

    def stop(self, reason: str, is_stopped: bool) -> None:
        """Stops it, or lets it run where nothing else keeps it stopped."""
        (self.stopped_by.add if is_stopped else self.stopped_by.discard)(reason)
        self.stopped = bool(self.stopped_by)

    def update(self, now_ns: int) -> None:
        """Recomputes stretch and workers from `slow`, `limit` and the configuration."""
        self.stretch = self.slow.factor if self.slow else 1.0
        if self.limit and self.limit.cpu:
            self.stretch /= self.limit.cpu
        workers = (self.limit.workers if self.limit else None) or self.configured_workers
        if workers != self.workers:
            busiest = sorted(self.free_ns, reverse=True)[:workers]
            self.free_ns = sorted(busiest + [now_ns] * (workers - len(busiest)))
            self.workers = workers

    def adopt(self, other: ComponentState) -> None:
        """Takes over another one's condition."""
        self.configured_workers, self.workers = other.configured_workers, other.workers
        self.period_ns, self.max_wait_ns = other.period_ns, other.max_wait_ns
        self.stretch, self.slow, self.limit = other.stretch, other.slow, other.limit
        self.stopped, self.stopped_by, self.holds = other.stopped, set(other.stopped_by), set(other.holds)

    @property
    def cpu_share(self) -> float:
        """Share of its normal CPU the component may use."""
        return (self.limit.cpu if self.limit else None) or 1.0


@dataclass(slots=True)
class RunStep:
    """Own code in the middle of a call plan."""

    spec: Step
    operation: Operation[object]
    unless_mask: int
    after_mask: int
    bit: int
    continues: bool
    is_call: ClassVar[Literal[False]] = False


@dataclass(slots=True)
class Edge:
    """One call step: caller, callee, link and the policy for it. `index` is the hop id in records and draws."""

    index: int
    name: str
    caller: ComponentState
    callee: ComponentState
    link: LinkState
    spec: Step
    timeout_ns: int
    retries: int
    backoff_ns: int
    continues: bool
    unless_mask: int
    after_mask: int
    bit: int
    operation: Operation[object] | None = None
    extra_ns: int = 0
    mean_service_s: float = 0.0
    cv_service: float = 0.0
    is_call: ClassVar[Literal[True]] = True


@dataclass(slots=True)
class SystemState:
    """Every component, link and edge of a topology, ready to run."""

    system: System
    components: dict[str, ComponentState]
    links: dict[str, LinkState]
    edges: list[Edge] = field(default_factory=list)
    entry_edge: Edge = field(init=False)
    """The users' call into the system."""

    def adopt(self, other: SystemState) -> None:
        """Takes over the condition of everything of the same system."""
        for name, component in self.components.items():
            component.adopt(other.components[name])
        for name, link in self.links.items():
            link.adopt(other.links[name])
        for mine, its in zip(self.edges, other.edges, strict=True):
            mine.timeout_ns, mine.retries, mine.backoff_ns = its.timeout_ns, its.retries, its.backoff_ns
            mine.extra_ns = its.extra_ns

    def edges_into(self, component: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.callee.name == component]


def at_rest(system: System) -> SystemState:
    """The state of a topology at rest, for the request plane, which knows operations by itself."""
    return build(system, defaultdict(lambda: _no_operation))


def _no_operation(visit: object, now_ns: int) -> int:
    return 0


def build(system: System, operations: Mapping[str, Operation[object]]) -> SystemState:
    """The state of a topology at rest. Raises KeyError for an operation the world does not offer."""
    components = {name: ComponentState(name, i, spec) for i, (name, spec) in enumerate(system.components.items())}
    links = {name: LinkState(name, spec) for name, spec in system.links.items()}
    state, graph = SystemState(system, components, links), CallGraph(system)
    for component in components.values():
        bits = {step.name: 1 << i for i, step in enumerate(component.spec.steps)}
        for step in component.spec.steps:
            unless = bits[step.unless] if step.unless else 0
            after = bits[step.after] if step.after else 0
            goes_on = step.on_failure == "continue"
            if step.run is not None:
                component.steps.append(RunStep(step, operations[step.run], unless, after, bits[step.name], goes_on))
                continue
            call = graph.edges[len(state.edges)]
            callee = components[call.callee]
            service = step.service_time or callee.spec.service_time
            edge = Edge(
                index=call.index,
                name=call.name,
                caller=component,
                callee=callee,
                link=links[call.link],
                spec=step,
                timeout_ns=to_ns(step.timeout_s),
                retries=step.retries,
                backoff_ns=to_ns(step.backoff_s),
                continues=goes_on,
                unless_mask=unless,
                after_mask=after,
                bit=bits[step.name],
                # Without a world an operation is a name in logs and spans, and nothing more.
                operation=operations[step.operation] if step.operation and system.world else None,
                mean_service_s=service.mean_s if service else 0.0,
                cv_service=service.cv if service else 0.0,
            )
            state.edges.append(edge)
            component.steps.append(edge)
    state.entry_edge = next(e for e in state.edges if e.caller.spec.kind == "users")
    return state
