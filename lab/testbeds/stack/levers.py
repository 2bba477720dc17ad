"""The stack's lever table: which levers it has, what keeps the state of each, and what it cannot do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import quote

from lab.content.stack import part_for
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
    ModelDeploy,
    ModelUnload,
    Place,
    PopulationBots,
    PopulationShift,
    PopulationSurge,
    PopulationTastes,
    TableColumn,
    TableLock,
    TableSlow,
)
from lab.systems.topology import System
from lab.testbeds.contents import lacks_content
from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.controls import CACHE_KEYS, StackControls, link_fault
from lab.testbeds.stack.http import call

Value = TypeVar("Value", bound=LeverValue)
RENEWED_WITHIN_S = 3.0
"""What puts a lever back waits for its renewal; the next renewal comes soon."""
_ENDED = {"created", "exited", "dead"}


@dataclass(frozen=True, slots=True)
class Keeper:
    """What keeps a lever's state: a volume, or the container of a service, which is the element's if not named."""

    volume: str = ""
    service: str = ""
    in_memory: bool = False
    """Kept by a process, which starts anew as it was at first."""


class StackTable(LeverTable[StackControls]):
    """The stack's levers, and what keeps the state of each."""

    def __init__(self) -> None:
        super().__init__("stack")
        self.keepers: dict[str, Keeper] = {}
        self._actions: dict[str, frozenset[str]] = {}

    def cannot(self, system: System, element: str, value: LeverValue | ActValue) -> str:
        lacking = lacks_content(system, value) if value.is_content else ""
        return lacking or super().cannot(system, element, value)

    def keep(self, keeper: Keeper, *records: type[LeverValue]) -> None:
        """Says what keeps the state of levers."""
        self.keepers |= {record.name: keeper for record in records}

    def does(self, actions: Iterable[str], record: type[LeverValue]) -> None:
        """Says which of Docker's events of a container come of a lever."""
        self._actions[record.name] = frozenset(actions)

    def doing(self, action: str) -> list[str]:
        """The levers that such an event may come of."""
        return [lever for lever, actions in self._actions.items() if action in actions]


LEVERS = StackTable()


def _link(record: type[AnyLever]) -> None:
    LEVERS.lever(
        record,
        lambda levers, place: levers.read_link(record, place),
        lambda levers, place, value: levers.write_link(record, place, value),
    )
    LEVERS.keep(Keeper(service="links", in_memory=True), record)


class _Part(Protocol[Value]):
    """What reads and writes one lever."""

    def read(self, place: Place) -> Value | None: ...

    def write(self, place: Place, value: Value | None) -> None: ...


def _part(
    record: type[Value], part: Callable[[StackControls], _Part[Value]],
    *cannot: Callable[[System, Place, Value], str],
) -> None:  # fmt: skip
    """Enters a lever that a part of the controls reads and writes; `cannot`, where given, as the table has it."""
    LEVERS.lever(
        record,
        lambda levers, place: part(levers).read(place),
        lambda levers, place, value: part(levers).write(place, value),
        *cannot,
    )


def _cannot_limit(system: System, place: Place, value: ComponentLimit) -> str:
    """Only `cpu`: how many workers a component has is fixed when it starts."""
    return "it cannot change a component's workers while it runs, only its cpu" if value.workers else ""


def _cannot_change_table(system: System, place: Place, value: TableColumn | TableSlow) -> str:
    """Only tables that feature code reads through views; of a system that it cannot run, that is what is said."""
    views = part.views if (part := part_for(system)) else (place.table,)
    return "" if place.table in views else f"it can change the table {' or '.join(views)} only, not {place.table!r}"


def _cannot_slow(system: System, place: Place, value: ComponentSlow) -> str:
    """Factors from 1 on: nothing runs faster than it can."""
    return "it can make no component faster" if value.factor < 1.0 else ""


def _cannot_delay(system: System, place: Place, value: FeedDelay) -> str:
    """Only a constant one: jobs count no hours."""
    return "its jobs cannot fall behind more and more" if value.growth else ""


def _cannot_shift(system: System, place: Place, value: PopulationShift) -> str:
    """Only features that rows in the database hold."""
    part = part_for(system)
    return part.cannot_shift(place.part) if part else ""


def _cannot_configure(system: System, place: Place, value: ConfigSet) -> str:
    """Only what a component reads anew while it runs; see the keys below."""
    part = part_for(system)
    control = part.controls.get(place.element) if part else None
    keys = control.keys if control else CACHE_KEYS if place.element == "cache" else ()
    if not place.part.startswith(keys):
        return f"{place.element!r} cannot change {place.part!r} while it runs"
    return ""


for _record in (LinkCut, LinkDelay, LinkDrop, LinkReset, LinkThrottle):
    _link(_record)
LEVERS.lever(ComponentPause, StackControls.read_pause, StackControls.write_pause)
LEVERS.lever(ComponentStop, StackControls.read_stop, StackControls.write_stop)
LEVERS.lever(ComponentRestart, StackControls.read_restart, StackControls.write_restart)
LEVERS.lever(ComponentLimit, StackControls.read_limit, StackControls.write_limit, _cannot_limit)
LEVERS.keep(Keeper(), ComponentPause, ComponentStop, ComponentLimit)
LEVERS.does(("pause", "unpause"), ComponentPause)
LEVERS.does(("kill", "die", "start"), ComponentStop)
LEVERS.keep(Keeper(), ComponentRestart)
LEVERS.does(("kill", "die", "start"), ComponentRestart)
_part(ComponentSlow, lambda levers: levers.slowing, _cannot_slow)
LEVERS.keep(Keeper(in_memory=True), ComponentSlow)
LEVERS.lever(TableColumn, StackControls.read_column, StackControls.write_column, _cannot_change_table)
LEVERS.lever(TableSlow, StackControls.read_slow_table, StackControls.write_slow_table, _cannot_change_table)
_part(PopulationShift, lambda levers: levers.shifts, _cannot_shift)
LEVERS.keep(Keeper(volume="db-data"), TableColumn, TableSlow, PopulationShift)
_part(TableLock, lambda levers: levers.locks)
LEVERS.lever(FeedFreeze, StackControls.read_freeze, StackControls.write_freeze)
LEVERS.lever(FeedDelay, StackControls.read_delay, StackControls.write_delay, _cannot_delay)
LEVERS.lever(CacheFreeze, StackControls.read_freeze_of_cache, StackControls.write_freeze_of_cache)
LEVERS.lever(CacheMixKeys, StackControls.read_mix, StackControls.write_mix)
LEVERS.lever(ConfigSet, StackControls.read_config, StackControls.write_config, _cannot_configure)
LEVERS.keep(Keeper(in_memory=True), TableLock, FeedFreeze, FeedDelay, CacheFreeze, CacheMixKeys, ConfigSet)
LEVERS.lever(ModelDeploy, StackControls.read_version, StackControls.write_version)
LEVERS.lever(ModelUnload, StackControls.read_unloaded, StackControls.write_unloaded)
LEVERS.keep(Keeper(volume="models"), ModelDeploy, ModelUnload)
LEVERS.lever(PopulationTastes, lambda c, place: c.load.read_tastes(place), lambda c, p, v: c.load.write_tastes(p, v))
LEVERS.lever(PopulationSurge, lambda c, place: c.load.read_surge(place), lambda c, p, v: c.load.write_surge(p, v))
LEVERS.lever(PopulationBots, lambda c, place: c.load.read_bots(place), lambda c, p, v: c.load.write_bots(p, v))
LEVERS.keep(Keeper(service="load", in_memory=True), PopulationTastes, PopulationSurge, PopulationBots)
LEVERS.act(CacheFlush, lambda levers, place, act: levers.cache.flush())
LEVERS.act(Announce, StackControls.announce)


class StackLevers(StackControls):
    """The levers of a stack."""

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        """The lever's present value."""
        return LEVERS.read(self, lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        """Sets the lever; None is neutral."""
        LEVERS.write(self, lever, element, value)

    def perform(self, element: str, act: ActValue) -> None:
        """Does what has no undo."""
        LEVERS.do(self, element, act)

    def lost(self, lever: type[LeverValue], element: str) -> str:
        """How the lever's state ended with what kept it, in words; empty where there may be something to put back.

        It is kept in a volume, by a container, or in the memory of what runs in one.
        """
        keeper = LEVERS.keepers[lever.name]
        if keeper.volume:
            volume = f"{self.compose.project}_{keeper.volume}"
            there = belongings(self.compose).volumes
            return "" if volume in there else f"it ended with the volume {volume}, which is not there any more"
        service = keeper.service or Place.parse(element).element
        container = self.compose.containers().get(service)
        if container is None:
            return f"it ended with the container of {service}, which is not there any more"
        if keeper.in_memory and container.status in _ENDED:
            return f"it ended with what ran in the container of {service}, which is {container.status}"
        if lever.kept == "leased" and container.status != "running":
            return f"it ends with its lease, for the container of {service} is {container.status}"
        return ""

    def renew(self, lever: type[AnyLever], element: str, value: AnyLever) -> bool:
        """Renews a lease; False when it had lapsed, so that the fault ended by itself, and stays ended."""
        if lever.on == {"link"}:
            # Where the proxy was when the fault was set: the Docker API need not answer in time for a renewal.
            base, name = self.renewals[element], link_fault(lever)
            soon = partial(call, token=self.token("links"), timeout_s=RENEWED_WITHIN_S, retries=0)
            if name not in soon("GET", f"{base}/links/{quote(element, safe='')}")["faults"]:
                return False
            soon("POST", f"{base}/leases/renew", {"link": element, "kind": name})
            return True
        if lever is ComponentSlow:
            return self.slowing.renew(Place.parse(element))
        if lever is TableLock:
            return self.locks.renew(Place.parse(element))
        if self.read(lever, element) is None:
            return False
        self.write(lever, element, value)
        return True
