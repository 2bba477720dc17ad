"""Timelines of requests: no variation, every time in milliseconds, on each of the simulator's engines.

`users` call `front` over a link of 1 ms; `front` works 2 ms and calls `back` over another of 1 ms, which works 3 ms.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from lab.injection.levers import LeverValue
from lab.recording.recorder import Recorder
from lab.recording.sides import SERVER
from lab.recording.status import NAMES
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.engine import RequestEngine
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import ComponentState, SystemState, build
from lab.worlds.base import OP_ASK, Layout, Op
from tests import planes

MS = 1_000_000
Span = tuple[int, str, float, float, str]
"""(request, "caller->callee" for the caller's view or "callee" for its own, start, end, status), in ms"""


class Bench(ABC):
    """An engine with a system whose state tests change; operations end with the status that they are given."""

    state: SystemState

    def __init__(self, statuses: Mapping[str, int]) -> None:
        self.asked: list[str] = []
        self._statuses = statuses

    def answer(self, operation: str) -> int:
        """How an operation ends."""
        self.asked.append(operation)
        return self._statuses[operation]

    @abstractmethod
    def advance(self, until_ns: int) -> None:
        """Lets time pass."""

    @abstractmethod
    def changed(self) -> None:
        """The state was changed."""

    @abstractmethod
    def release(self, component: ComponentState) -> None:
        """Lets go what a component held."""

    @abstractmethod
    def end_process(self, component: ComponentState) -> None:
        """Breaks a component's connections."""

    @abstractmethod
    def sides(self) -> Any:
        """Records of calls: request, start_ns, end_ns, edge, side, status."""


def _operations(of: System) -> list[str]:
    return sorted({step.operation or step.run or "" for part in of.components.values() for step in part.steps} - {""})


class HeapBench(Bench):
    """The engine that runs requests on a heap of Python's objects."""

    def __init__(self, of: System, statuses: Mapping[str, int], arrivals_ms: Sequence[float]) -> None:
        super().__init__(statuses)
        self.state = build(of, {name: self._operation(name) for name in _operations(of)})
        self._recorder = Recorder()
        self._engine = RequestEngine(self.state, self._recorder)
        self._engine.open(Source("load", 0, [round(time * MS) for time in arrivals_ms], Streams(1)))

    def _operation(self, name: str) -> Callable[[Any, int], int]:
        return lambda visit, now_ns: self.answer(name)

    def advance(self, until_ns: int) -> None:
        self._engine.advance(until_ns)

    def changed(self) -> None:
        for component in self.state.components.values():
            component.update(self._engine.now_ns)
        for path in self.state.links.values():
            path.update()

    def release(self, component: ComponentState) -> None:
        self._engine.release(component)

    def end_process(self, component: ComponentState) -> None:
        self._engine.end_process(component)

    def sides(self) -> Any:
        return self._recorder.spans()


class PlaneBench(Bench):
    """The request plane; every operation is the world's turn."""

    def __init__(self, of: System, statuses: Mapping[str, int], arrivals_ms: Sequence[float]) -> None:
        super().__init__(statuses)
        self._bench = planes.Bench(of, arrivals_ms, Layout({name: Op(OP_ASK) for name in _operations(of)}))
        self._bench.operate = lambda operation, now_ns: self.answer(operation)  # type: ignore[method-assign]
        self.state = self._bench.state

    def advance(self, until_ns: int) -> None:
        self._bench.plane.advance(until_ns)

    def changed(self) -> None:
        for component in self.state.components.values():
            component.update(self._bench.plane.now_ns)
        for path in self.state.links.values():
            path.update()
        self._bench.sync()

    def release(self, component: ComponentState) -> None:
        self._bench.sync()
        self._bench.plane.release(component)

    def end_process(self, component: ComponentState) -> None:
        self._bench.restart(component.name)

    def sides(self) -> Any:
        return self._bench.sides()


BENCHES: Mapping[str, Callable[..., Bench]] = {"heap": HeapBench, "plane": PlaneBench}
Act = Callable[[Bench], None]


def system(
    front: Sequence[Mapping[str, Any]] = ({"name": "ask", "call": "back", "timeout": "100ms"},),
    *,
    components: Mapping[str, Mapping[str, Any]] | None = None,
    links: Mapping[str, Mapping[str, Any]] | None = None,
    timeout: str = "1s",
    **service: Any,
) -> System:
    """The chain with these steps of `front`; `service` changes `front` itself."""
    parts: dict[str, Any] = {
        "users": {"kind": "users", "steps": [{"name": "visit", "call": "front", "timeout": timeout}]},
        "front": {"kind": "service", "workers": 9, "service_time": {"mean": "2ms", "cv": 0}, "steps": front, **service},
    }
    for step in front:
        if callee := step.get("call"):
            parts[callee] = {"kind": "service", "workers": 9, "service_time": {"mean": "3ms", "cv": 0}}
    for name, changes in (components or {}).items():
        parts[name] = {**parts[name], **changes}
    called = ["users->front", *(f"front->{step['call']}" for step in front if "call" in step)]
    paths_ = {link: {"latency": "1ms", "cv": 0, **(links or {}).get(link, {})} for link in called}
    # Any world makes the operations of calls count; there is none here beside the operations themselves.
    return System.model_validate(
        {"schema_version": 1, "name": "chain", "world": {"name": "none"}, "components": parts, "links": paths_}
    )


Runs = Callable[..., list[Span]]
"""`run` on one of the engines."""


@pytest.fixture(params=list(BENCHES), name="run")
def run_on_each(request: pytest.FixtureRequest) -> Runs:
    """Runs timelines on the heap engine, and on the request plane."""
    return partial(run, engine=request.param)


def run(
    of: System,
    *,
    arrivals: Sequence[float] = (0,),
    at: Mapping[float, Act] | None = None,
    statuses: Mapping[str, int] | None = None,
    engine: str,
    asked: list[str] | None = None,
) -> list[Span]:
    """Spans by request in order of start, callers first, after requests came in at these times and this was done.

    `statuses`: how operations end; `asked`: takes the names of those that were asked for, in order.
    """
    bench = BENCHES[engine](of, statuses or {}, arrivals)
    for time, act in sorted((at or {}).items()):
        bench.advance(round(time * MS))
        act(bench)
        bench.changed()
    bench.advance(10_000 * MS)
    if asked is not None:
        asked += bench.asked
    return named(bench.sides(), bench.state)


def named(sides: Any, state: SystemState) -> list[Span]:
    """Sides of calls as spans, in order."""
    return [
        (
            int(side["request"]),
            state.edges[side["edge"]].callee.name if side["side"] == SERVER else state.edges[side["edge"]].link.name,
            side["start_ns"] / MS,
            side["end_ns"] / MS,
            NAMES[side["status"]],
        )
        for side in sorted(sides, key=lambda s: (s["request"], s["start_ns"], s["edge"], s["side"]))
    ]


def link(fault: str, value: LeverValue | None, name: str = "front->back") -> Act:
    def act(bench: Bench) -> None:
        setattr(bench.state.links[name], fault, value)

    return act


def asking(**policy: Any) -> list[Mapping[str, Any]]:
    return [{"name": "ask", "call": "back", "timeout": "100ms", **policy}]


WELL = [
    (0, "users->front", 0, 9, "ok"),
    (0, "front", 1, 8, "ok"),
    (0, "front->back", 3, 8, "ok"),
    (0, "back", 4, 7, "ok"),
]
