"""What a world brings to the real stack, where its services run as containers beside the common ones.

Light to load: heavy parts are imported by the methods that need them. The lab and the containers both read it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lab.agreed.run import Run
from lab.errors import Problem, UserError
from lab.injection.levers import Recipe
from lab.registration.world import World, installed_worlds, loaded, registration_of
from lab.systems.topology import System

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lab.recording.collected import Columns, Events

    Edges = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """A table whose columns can change for its readers: a view of the table's name over the relation `base`.

    `key`: the integer column by which rows are told apart. `columns`: those of the contract, in order. `readers`: the
    database roles that may read it. The relation also has `updated_at`.
    """

    base: str
    key: str
    columns: tuple[str, ...]
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """The control endpoints of a service: their port, and what its changeable configuration keys begin with."""

    port: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """A count by scrape interval, recorded as `metric` of the entry: log events named `event`.

    Each counts once, or once for each element of its attribute `each`; where `where` is given, only if it has that
    attribute with that value.
    """

    metric: str
    event: str
    each: str = ""
    where: tuple[str, str] | None = None

    def of(self, attributes: Mapping[str, Any]) -> int:
        """How often an event counts."""
        if self.where is not None and attributes.get(self.where[0]) != self.where[1]:
            return 0
        return len(attributes.get(self.each) or ()) if self.each else 1


@dataclass(frozen=True, slots=True)
class Shift:
    """How a feature of the people is multiplied in their rows, from what it is without a shift.

    `statement` with `values` sets it in all rows of `relation`; `beside`: relations that it reads.
    """

    relation: str
    statement: str
    values: tuple[Any, ...]
    beside: tuple[str, ...] = ()


class Trained(Protocol):
    """A model version that was trained."""

    def registry_entry(self, version: int) -> dict[str, Any]:
        """What the registry says of it; enough to serve it (`services/model/savedmodel.py`)."""


class StackPart(ABC):
    """A world's part of the stack, which serves one shipped system of this world."""

    system: ClassVar[str]
    """The system. Its own services are in `docker-compose.SYSTEM.yml`."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Variables of passwords and tokens that those services have, beside the common ones."""
    controls: ClassVar[Mapping[str, Control]] = {}
    """By component."""
    counted: ClassVar[Mapping[str, Counted]] = {}
    """By name, what is counted while a run goes on."""
    ratios: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """By indicator, which of `counted` it divides by which."""
    cpu_s_per_request: ClassVar[Mapping[str, float]] = {}
    """CPU seconds of components per request of users, as calibrated: what is known before any run."""
    max_rate_per_s: ClassVar[float]
    """More requests a second than its services can serve, and `limited_by`, in words, why."""
    limited_by: ClassVar[str]
    least_rates_per_s: ClassVar[Mapping[str, float]] = {}
    """By signal, requests per scenario second that it takes to exist."""

    @property
    @abstractmethod
    def views(self) -> Mapping[str, View]:
        """By table of the topology."""

    @abstractmethod
    def train(self, system: System, version: int, recipe: Recipe) -> Trained:
        """Trains the model of a version by a recipe."""

    @abstractmethod
    def keys_counts(self, system: System, time_scale: float) -> Mapping[str, int]:
        """By kind of key, how many keys of the cache have visitors at a time scale: 0 to this."""

    def cannot_shift(self, feature: str) -> str:
        """Why a feature of the people cannot be multiplied here, in words; empty where it can."""
        return ""

    @abstractmethod
    def shift(self, system: System, feature: str, factor: float) -> Shift:
        """How a feature of the people is multiplied, of those that can be."""

    def files(self, system: System) -> Mapping[str, Mapping[str, str]]:
        """By service, by path, files of its configuration at the start of a run; it reads them again when they change.

        The service owns their folder.
        """
        return {}

    @abstractmethod
    def tables(self, events: Events, run: Run, system: System) -> Mapping[str, Columns]:
        """The world's tables of a recording, from the services' log events: those of the warm-up are among them."""

    def counts(self, events: Events, run: Run, system: System, edges_s: Edges) -> Mapping[str, Edges]:
        """By metric of the entry, the counts of a recording by scrape interval: what is `counted`.

        A world whose counts only all events of a run together tell has more of them. `edges_s`: where intervals begin
        and end; the events of the warm-up are among `events`.
        """
        import numpy as np

        found = {}
        for count in self.counted.values():
            mine = events.get(count.event, [])
            weights = [float(count.of(event["attributes"])) for event in mine]
            found[count.metric] = np.histogram([event["time_s"] for event in mine], edges_s, weights=weights)[0]
        return found

    @abstractmethod
    def reference(self, versions: Sequence[Any], system: System) -> Mapping[str, Any]:
        """The files of `reference/`; `versions`: what `train` gave, in order."""


def needed(system: System) -> tuple[World, StackPart]:
    """A system's world and its part of the stack; UserError where there is none."""
    world, part = registration_of(system.world.name) if system.world else None, part_for(system)
    if world is None or part is None:
        problem = lacking(system)
        assert problem is not None
        raise UserError(problem)
    return world, part


def part_for(system: System) -> StackPart | None:
    """The part of the stack of a system's world; None where there is none."""
    world = registration_of(system.world.name) if system.world else None
    return part_of(world) if world else None


def part_of(world: World) -> StackPart | None:
    """A world's part of the stack; None where it has none."""
    if not world.stack:
        return None
    part = loaded(world.stack)
    assert isinstance(part, StackPart), f"{world.stack} is no lab.content.stack.StackPart"
    return part


def parts() -> dict[str, StackPart]:
    """The parts of all installed worlds, by the system that each serves."""
    found = (registration_of(name) for name in installed_worlds())
    return {part.system: part for world in found if world and (part := part_of(world))}


def lacking(system: System) -> Problem | None:
    """Why the stack has no services for a system, and what that would take; None where it has some."""
    world = registration_of(system.world.name) if system.world else None
    if world is not None and world.stack:
        return None
    hint = "the testbed sim runs it, and needs no stack: lab run SCENARIO --testbed sim"
    if world is None:
        what = f"the system {system.name!r} has no world that is installed"
        return Problem(what, expected="one with services", hint=hint)
    what = f"the system {system.name!r} is simulated only: its world {world.name!r} has no services for the stack"
    return Problem(what, expected=world.stack_needs or "its registration does not say what they would be", hint=hint)
