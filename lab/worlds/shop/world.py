"""The shop behind the simulated recommender: what requests mean, and the feed.

Timing and the stores, tables and gates that requests meet are the request plane's. Here is what comes of them: which
rows a cache entry or an answer stands for, what was shown and clicked, what the feed makes of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.agreed.run import PAST_S
from lab.clock import NS, to_ns
from lab.content.operations import FROM_NOWHERE
from lab.content.protocol import Arrivals, Columns, Counts, Done, PlaneState, Served, Stream, Times, WorldContext
from lab.injection.levers import (
    ActValue,
    AnyLever,
    ModelCanary,
    ModelDeploy,
    Place,
    PopulationShift,
    PopulationTastes,
    Recipe,
    TableColumn,
)
from lab.recording.status import OK
from lab.worlds.kit.entries import EntryCache
from lab.worlds.kit.epochs import Epochs
from lab.worlds.shop import reference
from lab.worlds.shop.behaviour import CLICK_WEIGHT, PAGE
from lab.worlds.shop.browsing import Browsing
from lab.worlds.shop.catalog import active_catalog, make_catalog
from lab.worlds.shop.events import Clicks, EventCounts, Requests
from lab.worlds.shop.features import INDEX, NAMES, USER_FEATURES
from lab.worlds.shop.layout import CACHE, MODEL, RULED, TABLE, layout
from lab.worlds.shop.levers import LEVERS
from lab.worlds.shop.missions import Missions
from lab.worlds.shop.registration import FIRST_VERSIONS, SHOPPERS
from lab.worlds.shop.rows import Rows, ServedLog, ShownLog
from lab.worlds.shop.showing import Answers, Pages, Showing, click_times_ns
from lab.worlds.shop.training import Model, train
from lab.worlds.shop.visits import Visits

if TYPE_CHECKING:
    from lab.content.protocol import Content

Array = npt.NDArray[Any]


class ShopWorld:
    """Implements `lab.content.protocol.Content` for the shop."""

    def __init__(self, context: WorldContext) -> None:
        assert context.system.world is not None
        self._context = context
        spec = context.system.world
        self._shop = make_catalog(spec.seed)
        self.catalog = active_catalog(self._shop, int(spec.settings.get("visitors", SHOPPERS)))
        roles = _roles(context)
        self._model_name, self._cache_name, self._table_name = roles["predict"], roles["read_entry"], roles["read_row"]
        users_count = self.catalog.users_count
        ttl_ns = to_ns(float(context.system.components[self._cache_name].settings["ttl_s"]))
        self.layout = layout(users_count, ttl_ns)
        warmup_s, start_ns = context.start_ns / NS, context.start_ns
        first_s = -warmup_s - PAST_S
        self.missions = Missions(self.catalog, context.streams, first_s)
        self._browsing = Browsing(self.catalog, self.missions, context.streams, first_s)
        self._browsing.count_until(-warmup_s)
        self.table = Epochs(self.catalog.profile.copy(), USER_FEATURES, context.streams)
        self._browsing.aggregate.write(self.table.rows)
        self.versions: list[Model] = []
        for _ in range(FIRST_VERSIONS):
            self.versions.append(self._train({}))
        self._requests = Requests(Visits(self.catalog))
        self._showing = Showing(self.catalog, context.streams, start_ns)
        self._served = ServedLog(start_ns, ("default", self._cache_name, self._table_name))
        self._shown = ShownLog(start_ns, self._model_name)
        self._clicks = Clicks()
        interval_ns = to_ns(context.system.scrape_interval_s)
        self._pages_count, self._clicks_count = (EventCounts(start_ns, interval_ns) for _ in range(2))
        self.shifts: dict[str, PopulationShift | None] = {}
        self.now_ns = 0
        self._waiting: tuple[tuple[Served, Done], ...] = ()

    def bind(self, state: PlaneState) -> None:
        self._state = state
        self.cache = EntryCache(lambda: state.store(CACHE), self.catalog.users_count, self._context.streams)
        self._renew(0)
        state.gate(MODEL).version_a = FIRST_VERSIONS

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        return self._requests.arrive(stream, first, times_ns)

    # Blocks.

    def settle(self, served: Served, done: Done, now_ns: int) -> None:
        # Few large blocks cost less than many small ones: they wait until something depends on what comes of them.
        self._waiting = (*self._waiting, (served, done))
        self.now_ns = now_ns
        if served.violation.any():
            self._log_violations(served)

    def _settle(self) -> None:
        """Makes of the blocks that wait what comes of them."""
        if not self._waiting:
            return
        all_served, all_done = zip(*self._waiting, strict=True)
        self._waiting = ()
        served, done = Served(*_joined(all_served)), Done(*_joined(all_done))
        if len(served.request):
            self._serve(served)
        answered = np.flatnonzero(done.status == OK)
        if len(answered):
            self._show(done if len(answered) == len(done.status) else Done(*(column[answered] for column in done)))

    def _log_violations(self, served: Served) -> None:
        names = list(self._context.system.components)
        for i in np.flatnonzero(served.violation).tolist():
            broken = self.table.violation(int(served.epoch[i]), int(served.row[i]), int(served.violation[i]))
            self._context.log(
                int(served.time_ns[i]), names[int(served.component[i])], "ERROR", "feature_contract_violation",
                int(served.request[i]), *broken,
            )  # fmt: skip

    def _serve(self, served: Served) -> None:
        came = np.flatnonzero(served.source != FROM_NOWHERE)
        vectors = np.full((len(served.request), len(NAMES)), np.nan)
        watermark_ns = np.full(len(served.request), -1)
        epoch = served.epoch[came]
        vectors[came] = self.table.seen[self.table.slots(epoch), served.row[came]]
        watermark_ns[came] = self.table.watermarks_ns(epoch)
        self._served.add(Rows(served.request, served.time_ns, served.source, watermark_ns, served.written_ns, vectors))

    def _show(self, done: Done) -> None:
        came = np.flatnonzero(done.source[:, 0] != FROM_NOWHERE)
        row = np.full(len(done.request), -1)
        row[came] = self.table.slots(done.epoch[came, 0]) * self.catalog.users_count + done.row[came, 0]
        for stream, places, numbers in self._requests.by_stream(done.request):
            answers = Answers(
                stream, numbers, done.request[places], done.start_ns[places], done.end_ns[places], row[places],
                done.version[places], done.marks[places] & RULED,
            )  # fmt: skip
            for pages in self._showing.pages(answers, self.table.seen, self.versions, self.missions):
                self._take(pages)

    def _take(self, pages: Pages) -> None:
        self._shown.add(pages)
        self._pages_count.add(pages.shown_ns)
        page, place, times_ns = click_times_ns(pages)
        self._clicks.add(times_ns, pages.request[page], place, pages.user[page], pages.item[page, place])
        self._clicks_count.add(times_ns)

    # The feed.

    def operate(self, operation: str, now_ns: int) -> int:
        assert operation == "aggregate_events"
        self._settle()
        aggregate, touched = self._browsing.aggregate, self._state.store(CACHE).touched
        for users in self._browsing.count_until(self._scenario_s(now_ns)):
            touched[users] = 1
        users, items, ages_s = self._clicks.take(now_ns)
        of_items = self.catalog.items
        aggregate.add(users, of_items["category"][items], np.log(of_items["price_eur"][items]), ages_s, CLICK_WEIGHT)
        touched[users] = 1
        aggregate.write(self.table.rows)
        self.table.watermark_ns = now_ns
        self._renew(now_ns)
        return OK

    def _scenario_s(self, time_ns: int) -> float:
        return (time_ns - self._context.start_ns) / NS

    def _renew(self, now_ns: int) -> None:
        """Begins an epoch: what is in the cache or on its way keeps its rows."""
        named = np.concatenate([self.cache.epochs(now_ns), self._state.carried_epochs()])
        self.table.renew(self._state.table(TABLE), named)

    # Levers on content.

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        return LEVERS.read(self, lever, str(place))

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self._settle()
        self.now_ns = now_ns
        LEVERS.write(self, lever, str(place), value)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        self._settle()
        self.now_ns = now_ns
        LEVERS.do(self, str(place), act)

    @property
    def serving(self) -> int:
        """The model version that answers."""
        return self._state.gate(MODEL).version_a

    @property
    def loaded(self) -> bool:
        """Whether the model server has a model."""
        return self._state.gate(MODEL).is_open

    @loaded.setter
    def loaded(self, value: bool) -> None:
        self._state.gate(MODEL).is_open = value

    def change_column(self, column: str, value: TableColumn | None) -> None:
        """Alters a column of the table for its readers, or puts it back (None)."""
        self.table.change(column, value)
        self._renew(self.now_ns)

    def deploy(self, value: ModelDeploy) -> None:
        """Serves a version: one that there is, or the next one, trained by a recipe."""
        version = self._version(value)
        if version != self.serving:
            self._state.gate(MODEL).version_a = version
            self._announce_deploy(f"Model version {version} deployed")
            self._context.log(self.now_ns, self._model_name, "INFO", "version_loaded", -1, version)

    @property
    def canary(self) -> ModelCanary | None:
        """The other version that answers a share of the requests, if there is one."""
        gate = self._state.gate(MODEL)
        return ModelCanary(version=gate.version_b, share=gate.share_b) if gate.share_b > 0 else None

    def let_answer(self, value: ModelCanary | None) -> None:
        """Lets another version answer a share of the requests, or none."""
        gate = self._state.gate(MODEL)
        if value is None:
            gate.share_b = 0.0
            self._announce_deploy(f"Model version {self.serving} answers all requests")
            return
        gate.version_b, gate.share_b = self._version(value), value.share
        self._announce_deploy(f"Model version {gate.version_b} deployed to {100 * value.share:.3g}% of the requests")
        self._context.log(self.now_ns, self._model_name, "INFO", "version_loaded", -1, gate.version_b)

    def _version(self, value: ModelDeploy) -> int:
        """A version that there is, or the next one, trained by a recipe."""
        if value.version is None:
            self.versions = [*self.versions, self._train(value.recipe)]
        return value.version or len(self.versions)

    def _announce_deploy(self, summary: str) -> None:
        self._context.announce(self.now_ns, self._model_name, "deploy", summary)

    def shift(self, feature: str, value: PopulationShift | None) -> None:
        """Multiplies a feature of all users by what they have at rest."""
        position = INDEX[feature]
        self.table.rows[:, position] = self.catalog.profile[:, position] * (value.factor if value else 1.0)
        self.shifts[feature] = value
        self._renew(self.now_ns)

    def change_tastes(self, value: PopulationTastes | None) -> None:
        """Turns a share of the users to other categories, or back."""
        self._browsing.pages.settle(self._scenario_s(self.now_ns))
        self.missions.change(value, self._context.streams)

    def _train(self, recipe: Recipe) -> Model:
        """The next version: each is trained on the window of history that follows the one before."""
        assert self._context.system.world is not None
        return train(self._shop, self._context.system.world.seed, len(self.versions) + 1, recipe)

    # Telemetry.

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        cached = [(self._cache_name, metric, "", value) for metric, value in self.cache.samples(now_ns)]
        gate = self._state.gate(MODEL)
        canary = [(self._model_name, "model.version", "canary", float(gate.version_b))] if gate.share_b > 0 else []
        return [*cached, (self._model_name, "model.version", "", float(self.serving)), *canary]

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        self._settle()
        entry = self._context.system.entry or ""
        return [
            (entry, "recommendation.impression.count", "", PAGE * self._pages_count.between(edges_ns)),
            (entry, "recommendation.click.count", "", self._clicks_count.between(edges_ns)),
        ]

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        self._settle()
        for counts in (self._pages_count, self._clicks_count):
            counts.count_until(self.now_ns)
        return {
            "features": self._served.final(until_ns, self._requests.users), "predictions": self._shown.final(until_ns)
        }  # fmt: skip

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        self._settle()
        return {
            "features": self._served.pending(until_ns, self._requests.users),
            "predictions": self._shown.pending(until_ns),
        }

    def reference(self) -> dict[str, Any]:
        return reference.files(self.versions, self._table_name)

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        self._settle()
        copied = copy.copy(self)
        copied._context, copied._state = context, state
        copied.missions, copied.shifts = self.missions.copy(), dict(self.shifts)
        copied._browsing = self._browsing.copy(copied.missions)
        copied.cache, copied._requests = self.cache.copy(lambda: state.store(CACHE)), self._requests.copy(streams)
        for name in ("table", "_showing", "_served", "_shown", "_clicks", "_pages_count", "_clicks_count"):
            setattr(copied, name, getattr(self, name).copy())
        return copied


def _joined(blocks: Sequence[Served] | Sequence[Done]) -> Iterator[Array]:
    """The columns of blocks as one."""
    return iter(blocks[0]) if len(blocks) == 1 else map(np.concatenate, zip(*blocks, strict=True))


def _roles(context: WorldContext) -> dict[str, str]:
    """The component that performs each operation."""
    return {
        str(step.operation): str(step.call)
        for component in context.system.components.values()
        for step in component.steps
        if step.operation
    }


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = ShopWorld
