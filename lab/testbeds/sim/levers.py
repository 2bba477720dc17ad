"""The simulator's levers: each is a write to the state that the request engine reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from lab.clock import NS, to_ns
from lab.errors import UserError
from lab.injection.levers import (
    ActValue,
    Announce,
    AnyLever,
    ComponentLimit,
    ComponentPause,
    ComponentSlow,
    ComponentStop,
    ConfigSet,
    FeedDelay,
    FeedFreeze,
    LeverTable,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    LinkReset,
    LinkThrottle,
    Place,
    PopulationBots,
    PopulationSurge,
    Record,
    TableLock,
    TableSlow,
)
from lab.testbeds.sim.state import ComponentState, Edge, LinkState, SystemState
from lab.worlds.base import World

Surge = Callable[[Literal["surge", "bots"], PopulationSurge | PopulationBots | None], None]
AnyLink = TypeVar("AnyLink", LinkCut, LinkDelay, LinkDrop, LinkReset, LinkThrottle)
AnyHolding = TypeVar("AnyHolding", ComponentPause, TableLock)


class SimLevers:
    """Reads and writes levers of a simulated system. `surge(kind, value)` opens or closes extra arrivals.

    `announce(time_ns, component, kind, summary)` writes to the change log, `release` lets go what a component held.
    """

    def __init__(
        self,
        state: SystemState,
        world: World[object] | None,
        release: Callable[[ComponentState], None],
        surge: Surge,
        announce: Callable[[int, str, str, str], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._state = state
        self._world = world
        self._release = release
        self._surge = surge
        self._announce = announce
        self._now_ns = now_ns
        self._frozen: dict[str, FeedFreeze | None] = {}
        self._delays: dict[str, FeedDelay | None] = {}
        self._slow_tables: dict[Place, TableSlow | None] = {}
        self._extra: dict[tuple[str, str], PopulationSurge | PopulationBots | None] = {}

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        """The lever's present value, from the state it acts on wherever the state can tell."""
        if lever.is_content:
            return self._content(lever).read(lever, Place.parse(element))
        return LEVERS.read(self, lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        """Sets the lever; None is neutral."""
        if lever.is_content:
            self._content(lever).write(lever, Place.parse(element), value, self._now_ns())
        else:
            LEVERS.write(self, lever, element, value)

    def perform(self, element: str, act: ActValue) -> None:
        """Does what has no undo."""
        if act.is_content:
            self._content(type(act)).act(Place.parse(element), act, self._now_ns())
        else:
            LEVERS.do(self, element, act)

    def job_frozen(self, job: str) -> bool:
        """Whether a job is kept from running."""
        return self._frozen.get(job) is not None

    def job_delay_s(self, job: str) -> float:
        """How much later than scheduled a job's runs start."""
        value = self._delays.get(job)
        return value.seconds if value else 0.0

    def component(self, place: Place) -> ComponentState:
        """The state of the component that a place belongs to."""
        return self._state.components[place.element]

    def link(self, place: Place) -> LinkState:
        """The state of a link."""
        return self._state.links[place.element]

    def _content(self, record: type[Record]) -> World[object]:
        if self._world is None:
            raise UserError(f"{record.name} acts on content, and this system has no world")
        return self._world

    # Components.

    def read_stop(self, place: Place) -> ComponentStop | None:
        return ComponentStop() if self.component(place).stopped else None

    def write_stop(self, place: Place, value: ComponentStop | None) -> None:
        self.component(place).stopped = value is not None

    def read_slow(self, place: Place) -> ComponentSlow | None:
        return self.component(place).slow

    def write_slow(self, place: Place, value: ComponentSlow | None) -> None:
        self.component(place).slow = value
        self.component(place).update(self._now_ns())

    def read_limit(self, place: Place) -> ComponentLimit | None:
        return self.component(place).limit

    def write_limit(self, place: Place, value: ComponentLimit | None) -> None:
        self.component(place).limit = value
        self.component(place).update(self._now_ns())

    def is_held(self, lever: type[LeverValue], place: Place) -> bool:
        """Whether this lever holds the work that comes to a component."""
        return f"{lever.name} {place}" in self.component(place).holds

    def hold(self, lever: type[LeverValue], place: Place, value: LeverValue | None) -> None:
        """Holds the work that comes to a component, or lets it go where nothing else holds it."""
        component = self.component(place)
        if value is not None:
            component.holds.add(f"{lever.name} {place}")
            return
        component.holds.discard(f"{lever.name} {place}")
        if not component.holds:
            self._release(component)

    # Tables.

    def read_slow_table(self, place: Place) -> TableSlow | None:
        return self._slow_tables.get(place)

    def write_slow_table(self, place: Place, value: TableSlow | None) -> None:
        """Every statement takes longer by what the database's slowed tables add together."""
        self._slow_tables[place] = value
        slowed = [slow for where, slow in self._slow_tables.items() if slow and where.element == place.element]
        for edge in self._state.edges_into(place.element):
            edge.extra_ns = sum(to_ns(slow.seconds) for slow in slowed)

    # Jobs.

    def read_freeze(self, place: Place) -> FeedFreeze | None:
        return self._frozen.get(place.element)

    def write_freeze(self, place: Place, value: FeedFreeze | None) -> None:
        self._frozen[place.element] = value

    def read_delay(self, place: Place) -> FeedDelay | None:
        return self._delays.get(place.element)

    def write_delay(self, place: Place, value: FeedDelay | None) -> None:
        self._delays[place.element] = value

    # People and what teams announce.

    def read_surge(self, place: Place) -> PopulationSurge | None:
        value = self._extra.get(("surge", place.element))
        return value if isinstance(value, PopulationSurge) else None

    def write_surge(self, place: Place, value: PopulationSurge | None) -> None:
        self._extra["surge", place.element] = value
        self._surge("surge", value)

    def read_bots(self, place: Place) -> PopulationBots | None:
        value = self._extra.get(("bots", place.element))
        return value if isinstance(value, PopulationBots) else None

    def write_bots(self, place: Place, value: PopulationBots | None) -> None:
        self._extra["bots", place.element] = value
        self._surge("bots", value)

    def announce(self, place: Place, act: Announce) -> None:
        self._announce(self._now_ns(), place.element, act.kind, act.summary)

    # Configuration.

    def read_config(self, place: Place) -> ConfigSet | None:
        component, (family, _, key) = self.component(place), place.part.rpartition(".")
        if family == "settings":
            return self._content(ConfigSet).read(ConfigSet, place)
        if family:
            edge = self._edge(place)
            values = {"timeout_s": edge.timeout_ns / NS, "retries": edge.retries, "backoff_s": edge.backoff_ns / NS}
        else:
            values = {
                "workers": component.configured_workers,
                "max_wait_s": component.max_wait_ns / NS,
                "period_s": component.period_ns / NS,
            }
        return ConfigSet(value=values[key])

    def write_config(self, place: Place, value: ConfigSet | None) -> None:
        value = value or ConfigSet.neutral(self._state.system, place)
        component, (family, _, key) = self.component(place), place.part.rpartition(".")
        if family == "settings":
            self._content(ConfigSet).write(ConfigSet, place, value, self._now_ns())
        elif key == "timeout_s":
            self._edge(place).timeout_ns = to_ns(value.value)
        elif key == "retries":
            self._edge(place).retries = int(value.value)
        elif key == "backoff_s":
            self._edge(place).backoff_ns = to_ns(value.value)
        elif key == "workers":
            component.configured_workers = int(value.value)
            component.update(self._now_ns())
        elif key == "max_wait_s":
            component.max_wait_ns = to_ns(value.value)
        else:
            component.period_ns = to_ns(value.value)

    def _edge(self, place: Place) -> Edge:
        step = place.part.split(".")[1]
        return next(e for e in self._state.edges if e.caller.name == place.element and e.name == step)


LEVERS = LeverTable[SimLevers]("sim")
"""What the simulator has for every system; levers of content are in the table of the system's world."""


def _link(record: type[AnyLink], fault: str) -> None:
    def read(levers: SimLevers, place: Place) -> AnyLink | None:
        value: AnyLink | None = getattr(levers.link(place), fault)
        return value

    def write(levers: SimLevers, place: Place, value: AnyLink | None) -> None:
        setattr(levers.link(place), fault, value)
        levers.link(place).update()

    LEVERS.lever(record, read, write)


def _holding(record: type[AnyHolding]) -> None:
    LEVERS.lever(
        record,
        lambda levers, place: record() if levers.is_held(record, place) else None,
        lambda levers, place, value: levers.hold(record, place, value),
    )


_link(LinkCut, "cut")
_link(LinkDelay, "delay")
_link(LinkDrop, "drop")
_link(LinkReset, "reset")
_link(LinkThrottle, "throttle")
_holding(ComponentPause)
_holding(TableLock)
LEVERS.lever(ComponentStop, SimLevers.read_stop, SimLevers.write_stop)
LEVERS.lever(ComponentSlow, SimLevers.read_slow, SimLevers.write_slow)
LEVERS.lever(ComponentLimit, SimLevers.read_limit, SimLevers.write_limit)
LEVERS.lever(TableSlow, SimLevers.read_slow_table, SimLevers.write_slow_table)
LEVERS.lever(FeedFreeze, SimLevers.read_freeze, SimLevers.write_freeze)
LEVERS.lever(FeedDelay, SimLevers.read_delay, SimLevers.write_delay)
LEVERS.lever(ConfigSet, SimLevers.read_config, SimLevers.write_config)
LEVERS.lever(PopulationSurge, SimLevers.read_surge, SimLevers.write_surge)
LEVERS.lever(PopulationBots, SimLevers.read_bots, SimLevers.write_bots)
LEVERS.act(Announce, SimLevers.announce)
