"""What worlds have in common whose requests are served rows of feature tables and are scored by a model."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lab.content.protocol import Done, Layout, PlaneState, Served, WorldContext
from lab.injection.levers import ActValue, AnyLever, LeverTable, ModelCanary, ModelDeploy, Place, TableColumn
from lab.worlds.kit.entries import EntryCache
from lab.worlds.kit.epochs import Epochs
from lab.worlds.kit.rows import joined
from lab.worlds.kit.serving import ServedModel

Array = npt.NDArray[Any]


class LearnedWorld(ABC):
    """Implements of `lab.content.protocol.Content` what is the same for all of them.

    A request has one key for each feature table, whose slot is the table's place in `layout.tables`; the store of the
    same place in `layout.stores` has cached entries of its rows. The caches are all in `cache_component`. A world sets
    what is annotated here when it is opened.
    """

    LEVERS: ClassVar[LeverTable[Any]]
    layout: Layout
    tables: tuple[Epochs, ...]
    model: ServedModel[Any]
    cache_component: str

    def __init__(self, context: WorldContext) -> None:
        self._context = context
        self.now_ns = 0
        self._waiting: tuple[tuple[Served, Done], ...] = ()
        self._unread: dict[str, TableColumn] = {}

    def bind(self, state: PlaneState) -> None:
        self._state = state
        self.caches = tuple(
            EntryCache(partial(state.store, name), spec.keys_count, self._context.streams)
            for name, spec in self.layout.stores.items()
        )
        self._renew(0)
        self.model.bind(self._context, state)

    # Blocks.

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        # Few large blocks cost less than many small ones: they wait until something depends on what comes of them.
        self._waiting = (*self._waiting, (served, done))
        self.now_ns = now_ns
        if served.violation.any():
            self._log_violations(served)

    def _settle(self) -> None:
        """Makes of the blocks that wait what comes of them."""
        if self._waiting:
            all_served, all_done = zip(*self._waiting, strict=True)
            self._waiting = ()
            self._take(joined(all_served), joined(all_done))

    @abstractmethod
    def _take(self, served: Served, done: Done) -> None:
        """Makes of a block what comes of it."""

    def _log_violations(self, served: Served) -> None:
        names = list(self._context.system.components)
        for i in np.flatnonzero(served.violation).tolist():
            table = self.tables[int(served.slot[i])]
            broken = table.violation(int(served.epoch[i]), int(served.row[i]), int(served.violation[i]))
            self._context.log(
                int(served.time_ns[i]), names[int(served.component[i])], "ERROR", "feature_contract_violation",
                int(served.request[i]), *broken,
            )  # fmt: skip

    def _renew(self, now_ns: int) -> None:
        """Begins an epoch of all tables: what is in a cache or on its way keeps its rows."""
        for slot, (name, table, cache) in enumerate(zip(self.layout.tables, self.tables, self.caches, strict=True)):
            named = np.concatenate([cache.epochs(now_ns), self._state.carried_epochs(slot)])
            table.renew(self._state.table(name), named)

    # Telemetry.

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        """Of the caches, which are one component's, and of the model."""
        total: dict[str, float] = {}
        for cache in self.caches:
            for metric, value in cache.samples(now_ns):
                total[metric] = total.get(metric, 0.0) + value
        return [(self.cache_component, metric, "", value) for metric, value in total.items()] + self.model.samples()

    # Levers on content.

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        return self.LEVERS.read(self, lever, str(place))

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self.now_ns = now_ns
        self._settle()
        self.LEVERS.write(self, lever, str(place), value)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        self.now_ns = now_ns
        self._settle()
        self.LEVERS.do(self, str(place), act)

    def table_named(self, name: str) -> Epochs:
        """A feature table."""
        return self.tables[list(self.layout.tables).index(name)]

    def column(self, place: Place) -> TableColumn | None:
        """How a column of any table of the database is altered."""
        if place.table not in self.layout.tables:
            return self._unread.get(str(place))
        return self.table_named(place.table).changes.get(place.column)

    def change_column(self, place: Place, value: TableColumn | None) -> None:
        """Alters a column for its readers, or puts it back (None). Only feature tables have readers."""
        if place.table not in self.layout.tables:
            others = {name: change for name, change in self._unread.items() if name != str(place)}
            self._unread = others if value is None else {**others, str(place): value}
            return
        self.table_named(place.table).change(place.column, value)
        self._renew(self.now_ns)

    def deploy(self, value: ModelDeploy) -> None:
        """Serves a version of the model: one that there is, or the next one, trained by a recipe."""
        self.model.deploy(value, self.now_ns)

    def let_answer(self, value: ModelCanary | None) -> None:
        """Lets another version of the model answer a share of the requests, or none."""
        self.model.let_answer(value, self.now_ns)

    def _branched(self, context: WorldContext, state: PlaneState) -> Self:
        """A copy over a copy of the plane's tables; what only the world knows is left to be copied."""
        self._settle()
        copied = copy.copy(self)
        copied._context, copied._state = context, state
        copied.tables = tuple(table.copy() for table in self.tables)
        copied.caches = tuple(
            cache.copy(partial(state.store, name)) for name, cache in zip(self.layout.stores, self.caches, strict=True)
        )
        copied.model = self.model.copy(context, state)
        return copied
