"""The simulator's levers: which there are, and what each is read and written by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from lab.injection.levers import (
    ActValue,
    Announce,
    AnyLever,
    CacheFlush,
    CacheFreeze,
    CacheMixKeys,
    ComponentLimit,
    ComponentPause,
    ComponentRestart,
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
    TableLock,
    TableSlow,
)
from lab.registration.world import registrations
from lab.systems.topology import System
from lab.testbeds.contents import content_levers, lacks_content, levers_of
from lab.testbeds.sim.controls import SimControls

AnyLink = TypeVar("AnyLink", LinkCut, LinkDelay, LinkDrop, LinkReset, LinkThrottle)
AnyHolding = TypeVar("AnyHolding", ComponentPause, TableLock)


class SimTable(LeverTable[SimControls]):
    """What the simulator has for every system, and what worlds have of their content: their registrations' `levers`."""

    def __contains__(self, record: object) -> bool:
        return super().__contains__(record) or any(record in table for table in _tables_of_worlds())

    def __iter__(self) -> Iterator[str]:
        own = list(super().__iter__())
        yield from dict.fromkeys([*own, *(name for table in _tables_of_worlds() for name in table)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def cannot(self, system: System, element: str, value: LeverValue | ActValue) -> str:
        is_setting = isinstance(value, ConfigSet) and Place.parse(element).part.startswith("settings.")
        if system.world is None or not (value.is_content or is_setting):
            return super().cannot(system, element, value)
        if lacking := lacks_content(system, value):
            return lacking
        table = content_levers(system)
        return table.cannot(system, element, value) if table is not None else ""


def _tables_of_worlds() -> list[LeverTable[object]]:
    return [table for world in registrations() if (table := levers_of(world)) is not None]


LEVERS = SimTable("sim")
IN_MEMORY: tuple[type[LeverValue], ...] = (
    CacheFreeze, CacheMixKeys, ComponentSlow, ConfigSet, FeedDelay, FeedFreeze, TableLock,
)  # fmt: skip
"""Levers whose state a component's process keeps, or what watches it: they end when it starts anew."""


def _link(record: type[AnyLink], fault: str) -> None:
    def read(levers: SimControls, place: Place) -> AnyLink | None:
        value: AnyLink | None = getattr(levers.link(place), fault)
        return value

    def write(levers: SimControls, place: Place, value: AnyLink | None) -> None:
        setattr(levers.link(place), fault, value)

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
LEVERS.lever(ComponentStop, SimControls.read_stop, SimControls.write_stop)
LEVERS.lever(ComponentRestart, SimControls.read_restart, SimControls.write_restart)
LEVERS.lever(ComponentSlow, SimControls.read_slow, SimControls.write_slow)
LEVERS.lever(ComponentLimit, SimControls.read_limit, SimControls.write_limit)
LEVERS.lever(TableSlow, SimControls.read_slow_table, SimControls.write_slow_table)
LEVERS.lever(FeedFreeze, SimControls.read_freeze, SimControls.write_freeze)
LEVERS.lever(FeedDelay, SimControls.read_delay, SimControls.write_delay)
LEVERS.lever(ConfigSet, SimControls.read_config, SimControls.write_config)
LEVERS.lever(PopulationSurge, SimControls.read_surge, SimControls.write_surge)
LEVERS.lever(PopulationBots, SimControls.read_bots, SimControls.write_bots)
LEVERS.act(Announce, SimControls.announce)


class SimLevers(SimControls):
    """The levers of a simulated system, by their records."""

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        """The lever's present value, read from the state that it changes, where possible."""
        if lever.is_content:
            return self.content(lever).read(lever, Place.parse(element))
        return LEVERS.read(self, lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        """Sets the lever; None is neutral."""
        if lever.is_content:
            self.content(lever).write(lever, Place.parse(element), value, self.now_ns())
        else:
            LEVERS.write(self, lever, element, value)

    def lose_memory(self, place: Place) -> None:
        """A cache its entries, any process what was set in it since it started."""
        system, content = self._state.system, content_levers(self._state.system)
        if content is not None and CacheFlush in content and self.component(place).spec.kind in CacheFlush.on:
            self.perform(place.element, CacheFlush())
        for lever in IN_MEMORY:
            if not lever.is_content or (content is not None and lever in content):
                for element in lever.places(system):
                    if Place.parse(element).element == place.element:
                        self.write(lever, element, None)

    def perform(self, element: str, act: ActValue) -> None:
        """Does what has no undo."""
        if act.is_content:
            self.content(type(act)).act(Place.parse(element), act, self.now_ns())
        else:
            LEVERS.do(self, element, act)
