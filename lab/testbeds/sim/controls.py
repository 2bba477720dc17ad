"""How the simulator's levers are read and written: in the state that the request plane reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

from lab.clock import NS, to_ns
from lab.content.protocol import Content
from lab.errors import UserError
from lab.injection.levers import (
    Announce,
    ComponentLimit,
    ComponentRestart,
    ComponentSlow,
    ComponentStop,
    ConfigSet,
    FeedDelay,
    FeedFreeze,
    LeverValue,
    Place,
    PopulationBots,
    PopulationSurge,
    Record,
    TableSlow,
)
from lab.systems.configuration import LIMIT_KEYS
from lab.testbeds.sim.state import ComponentState, Connections, Edge, Limits, LinkState, SystemState

Surge = Callable[[Literal["surge", "bots"], PopulationSurge | PopulationBots | None], None]


class SimControls(ABC):
    """The levers of a simulated system. `surge(kind, value)` opens or closes extra arrivals.

    `announce(time_ns, component, kind, summary)` writes to the change log, `release` lets go what a component held,
    `end_process` breaks its connections, `restart_ends(seconds, place, restart)` calls `is_back` so much later.
    """

    def __init__(
        self,
        state: SystemState,
        world: Content | None,
        release: Callable[[ComponentState], None],
        surge: Surge,
        announce: Callable[[int, str, str, str], None],
        now_ns: Callable[[], int],
        end_process: Callable[[ComponentState], None],
        restart_ends: Callable[[float, Place, ComponentRestart], None],
    ) -> None:
        self._state = state
        self._world = world
        self._release = release
        self._surge = surge
        self._announce = announce
        self.now_ns = now_ns
        self._end_process = end_process
        self._restart_ends = restart_ends
        self._restarts: dict[str, ComponentRestart | None] = {}
        self._frozen: dict[str, FeedFreeze | None] = {}
        self._delays: dict[str, FeedDelay | None] = {}
        self._delayed_ns: dict[str, int] = {}
        self._slow_tables: dict[Place, TableSlow | None] = {}
        self._extra: dict[tuple[str, str], PopulationSurge | PopulationBots | None] = {}

    def job_frozen(self, job: str) -> bool:
        """Whether a job is kept from running."""
        return self._frozen.get(job) is not None

    def job_delay_s(self, job: str) -> float:
        """How much later than scheduled a job's run that is due now starts."""
        value = self._delays.get(job)
        if value is None:
            return 0.0
        return value.seconds + value.growth * (self.now_ns() - self._delayed_ns[job]) / NS / 3600

    def component(self, place: Place) -> ComponentState:
        """The state of the component that a place belongs to."""
        return self._state.components[place.element]

    def link(self, place: Place) -> LinkState:
        """The state of a link."""
        return self._state.links[place.element]

    def content(self, record: type[Record]) -> Content:
        """The world; UserError where there is none."""
        if self._world is None:
            raise UserError(f"{record.name} acts on content, and this system has no world")
        return self._world

    def adopt(self, other: SimControls) -> None:
        """Takes over what another one's levers are set to."""
        self._state.adopt(other._state)
        self._restarts, self._frozen = dict(other._restarts), dict(other._frozen)
        self._delays, self._delayed_ns = dict(other._delays), dict(other._delayed_ns)
        self._slow_tables, self._extra = dict(other._slow_tables), dict(other._extra)

    @abstractmethod
    def lose_memory(self, place: Place) -> None:
        """Forgets what a process keeps in memory alone."""

    # Components.

    def read_stop(self, place: Place) -> ComponentStop | None:
        return ComponentStop() if ComponentStop.name in self.component(place).stopped_by else None

    def write_stop(self, place: Place, value: ComponentStop | None) -> None:
        self.component(place).stop(ComponentStop.name, value is not None)

    def read_restart(self, place: Place) -> ComponentRestart | None:
        return self._restarts.get(place.element)

    def write_restart(self, place: Place, value: ComponentRestart | None) -> None:
        component = self.component(place)
        self._restarts[place.element] = value
        component.stop(ComponentRestart.name, value is not None)
        if value is not None:
            self._end_process(component)
            self.lose_memory(place)
            self._restart_ends(value.away_s, place, value)

    def is_back(self, place: Place, restart: ComponentRestart) -> None:
        """A process has started anew; nothing happens where another restart has begun since."""
        if self._restarts[place.element] is restart:
            self.write_restart(place, None)

    def read_slow(self, place: Place) -> ComponentSlow | None:
        return self.component(place).slow

    def write_slow(self, place: Place, value: ComponentSlow | None) -> None:
        self.component(place).slow = value

    def read_limit(self, place: Place) -> ComponentLimit | None:
        return self.component(place).limit

    def write_limit(self, place: Place, value: ComponentLimit | None) -> None:
        self.component(place).limit = value

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
        self._delayed_ns[place.element] = self.now_ns()

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
        self._announce(self.now_ns(), place.element, act.kind, act.summary)

    # Configuration.

    def read_config(self, place: Place) -> ConfigSet | None:
        component, (family, _, key) = self.component(place), place.part.rpartition(".")
        if family == "settings":
            return self.content(ConfigSet).read(ConfigSet, place)
        if pool := self._connections(place):
            values = {"size": pool.size, "max_wait_s": pool.max_wait_ns / NS, "queue": pool.queue or 0}
        elif key in LIMIT_KEYS:
            values = {key: getattr(self._limits(place), key)}
        elif family:
            edge = self._edge(place)
            values = {"timeout_s": edge.timeout_ns / NS, "retries": edge.retries, "backoff_s": edge.backoff_ns / NS}
        else:
            values = {
                "workers": component.configured_workers,
                "queue": component.queue or 0,
                "max_wait_s": component.max_wait_ns / NS,
                "period_s": component.period_ns / NS,
            }
        return ConfigSet(value=values[key])

    def write_config(self, place: Place, value: ConfigSet | None) -> None:
        value = value or ConfigSet.neutral(self._state.system, place)
        component, (family, _, key) = self.component(place), place.part.rpartition(".")
        if family == "settings":
            self.content(ConfigSet).write(ConfigSet, place, value, self.now_ns())
        elif pool := self._connections(place):
            pool.set(key, value.value)
        elif key in LIMIT_KEYS:
            setattr(self._limits(place), key, float(value.value))
        elif key == "timeout_s":
            self._edge(place).timeout_ns = to_ns(value.value)
        elif key == "retries":
            self._edge(place).retries = int(value.value)
        elif key == "backoff_s":
            self._edge(place).backoff_ns = to_ns(value.value)
        elif key == "workers":
            component.configured_workers = int(value.value)
        elif key == "max_wait_s":
            component.max_wait_ns = to_ns(value.value)
        elif key == "queue":
            component.queue = int(value.value)
        else:
            component.period_ns = to_ns(value.value)

    def _connections(self, place: Place) -> Connections | None:
        """The pool of connections that a key is about; None for other keys."""
        prefix = place.part.rpartition(".")[0]
        mine = (pool for pool in self._state.connections if pool.spec.owner == place.element)
        return next((pool for pool in mine if pool.spec.prefix == prefix), None)

    def _limits(self, place: Place) -> Limits:
        step = place.part.split(".")[1]
        return next(one for one in self._state.limits if (one.component, one.step) == (place.element, step))

    def _edge(self, place: Place) -> Edge:
        step = place.part.split(".")[1]
        return next(e for e in self._state.edges if e.caller.name == place.element and e.name == step)
