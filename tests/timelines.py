"""Timelines of requests: no variation, every time in milliseconds.

`users` call `front` over a link of 1 ms; `front` works 2 ms and calls `back` over another of 1 ms, which works 3 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.content.operations import OP_ASK, Op
from lab.content.protocol import Layout
from lab.injection.levers import LeverValue
from lab.systems.topology import System
from tests.planes import Bench, Span

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


def run(
    of: System,
    *,
    arrivals: Sequence[float] = (0,),
    at: Mapping[float, Act] | None = None,
    statuses: Mapping[str, int] | None = None,
    asked: list[str] | None = None,
) -> list[Span]:
    """Spans by request in order of start, callers first, after requests came in at these times and this was done.

    `statuses`: how operations end; `asked`: takes the names of those that were asked for, in order.
    """
    bench = Bench(of, arrivals, Layout({name: Op(OP_ASK) for name in _operations(of)}), statuses=statuses)
    for time, act in sorted((at or {}).items()):
        bench.advance(time)
        act(bench)
        bench.sync()
    bench.advance(10_000)
    if asked is not None:
        asked += [operation for operation, _, _ in bench.asked]
    return bench.spans()


def _operations(of: System) -> list[str]:
    return sorted({step.operation or step.run or "" for part in of.components.values() for step in part.steps} - {""})


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
