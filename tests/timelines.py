"""Timelines of the request engine: no variation, every time in milliseconds.

`users` call `front` over a link of 1 ms; `front` works 2 ms and calls `back` over another of 1 ms, which works 3 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.injection.levers import LeverValue
from lab.recording.recorder import Recorder
from lab.recording.sides import SERVER
from lab.recording.status import NAMES
from lab.streams import Streams
from lab.systems.topology import System
from lab.testbeds.sim.engine import RequestEngine
from lab.testbeds.sim.sources import Source
from lab.testbeds.sim.state import SystemState, build

MS = 1_000_000
Span = tuple[int, str, float, float, str]
"""(request, "caller->callee" for the caller's view or "callee" for its own, start, end, status), in ms"""
Act = Callable[[SystemState, RequestEngine], None]


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


def run(
    of: System,
    *,
    arrivals: Sequence[float] = (0,),
    at: Mapping[float, Act] | None = None,
    operations: Mapping[str, Callable[[Any, int], int]] | None = None,
) -> list[Span]:
    """Spans by request in order of start, callers first, after requests came in at these times and this was done."""
    state, recorder = build(of, operations or {}), Recorder()
    engine = RequestEngine(state, recorder)
    engine.open(Source("load", 0, [round(time * MS) for time in arrivals], Streams(1)))
    for time, act in sorted((at or {}).items()):
        engine.advance(round(time * MS))
        act(state, engine)
    engine.advance(10_000 * MS)
    sides = recorder.spans()
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
    def act(state: SystemState, engine: RequestEngine) -> None:
        setattr(state.links[name], fault, value)
        state.links[name].update()

    return act


def asking(**policy: Any) -> list[Mapping[str, Any]]:
    return [{"name": "ask", "call": "back", "timeout": "100ms", **policy}]


WELL = [
    (0, "users->front", 0, 9, "ok"),
    (0, "front", 1, 8, "ok"),
    (0, "front->back", 3, 8, "ok"),
    (0, "back", 4, 7, "ok"),
]
