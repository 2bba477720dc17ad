"""The simulator's lever table: each lever is a write to the state that the request engine reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lab.clock import to_ns
from lab.errors import UserError
from lab.testbeds.sim.state import ComponentState, SystemState
from lab.worlds.base import World

HOLDING = frozenset({"component.pause", "table.lock"})


class SimLevers:
    """Reads and writes levers of a simulated system. `surge(kind, element, value)` opens or closes extra arrivals."""

    def __init__(
        self,
        state: SystemState,
        world: World | None,
        release: Callable[[ComponentState], None],
        surge: Callable[[str, Mapping[str, Any] | None], None],
    ) -> None:
        self._state = state
        self._world = world
        self._release = release
        self._surge = surge
        self._values: dict[tuple[str, str], Any] = {}

    def read(self, lever: str, element: str, now_ns: int) -> Any:
        """The lever's present value, from the state it acts on wherever the state can tell."""
        family, _, name = lever.partition(".")
        if family == "link":
            return getattr(self._state.links[element], name)
        if lever == "config.set":
            return {"value": self._config(element)[1]}
        if lever in HOLDING:
            return True if f"{lever} {element}" in self._component(element).holds else None
        if lever in {"component.slow", "component.limit"}:
            return getattr(self._component(element), name)
        if lever == "component.stop":
            return self._component(element).stopped or None
        if family == "feed" or lever in {"table.slow", "population.surge", "population.bots"}:
            return self._values.get((lever, element))
        return self._content(lever).read(lever, element, now_ns)

    def write(self, lever: str, element: str, value: Any, now_ns: int) -> None:
        """Sets the lever; None is neutral."""
        family, _, name = lever.partition(".")
        if family == "link":
            self._state.links[element].set(name, value)
        elif lever == "config.set":
            self._configure(element, value["value"])
        elif lever in HOLDING:
            self._hold(self._component(element), f"{lever} {element}", bool(value))
        elif lever in {"component.slow", "component.limit"}:
            component = self._component(element)
            setattr(component, name, value)
            component.update(now_ns)
        elif lever == "component.stop":
            self._component(element).stopped = bool(value)
        elif family == "feed" or lever in {"table.slow", "population.surge", "population.bots"}:
            self._values[lever, element] = value
            if lever == "table.slow":
                self._slow_statements(self._component(element).name)
            elif family == "population":
                self._surge(name, value)
        else:
            self._content(lever).write(lever, element, value, now_ns)

    def act(self, act: str, element: str, value: Any, now_ns: int) -> None:
        """Acts on content."""
        self._content(act).act(act, element, value, now_ns)

    def job_frozen(self, job: str) -> bool:
        """Whether a job is kept from running."""
        return bool(self._values.get(("feed.freeze", job)))

    def job_delay_s(self, job: str) -> float:
        """How much later than scheduled a job's runs start."""
        value = self._values.get(("feed.delay", job))
        return float(value["seconds"]) if value else 0.0

    def _component(self, element: str) -> ComponentState:
        return self._state.components[element.partition("/")[0]]

    def _content(self, lever: str) -> World:
        if self._world is None:
            raise UserError(f"lever {lever!r} acts on content, and this system has no world")
        return self._world

    def _hold(self, component: ComponentState, reason: str, held: bool) -> None:
        if held:
            component.holds.add(reason)
        else:
            component.holds.discard(reason)
            if not component.holds:
                self._release(component)

    def _slow_statements(self, database: str) -> None:
        """Every statement takes longer by what its slowed tables add together."""
        extra_ns = 0
        for (lever, element), value in self._values.items():
            if lever == "table.slow" and value and self._component(element).name == database:
                extra_ns += to_ns(value["seconds"])
        for edge in self._state.edges_into(database):
            edge.extra_ns = extra_ns

    def _config(self, element: str) -> tuple[Any, Any]:
        """(edge, value) of a configuration key `component/steps.<step>.<timeout_s|retries|backoff_s>`."""
        component, _, key = element.partition("/")
        parts = key.split(".")
        if len(parts) == 3 and parts[0] == "steps":
            for edge in self._state.edges:
                if edge.caller.name == component and edge.name == parts[1]:
                    values = {
                        "timeout_s": edge.timeout_ns / 1e9, "retries": edge.retries, "backoff_s": edge.backoff_ns / 1e9,
                    }  # fmt: skip
                    if parts[2] in values:
                        return edge, values[parts[2]]
        raise UserError(f"unknown configuration key {element!r}; expected steps.<step>.timeout_s, retries or backoff_s")

    def _configure(self, element: str, value: Any) -> None:
        edge, _ = self._config(element)
        key = element.rpartition(".")[2]
        if key == "retries":
            edge.retries = int(value)
        elif key == "timeout_s":
            edge.timeout_ns = to_ns(float(value))
        else:
            edge.backoff_ns = to_ns(float(value))
