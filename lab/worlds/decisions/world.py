"""Fraud decisions behind a simulated system: what payments mean, the payments job, analysts, chargebacks.

Timing, stores, tables and the way of a request are the request plane's, which asks this world's kernel for scores.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS, to_ns
from lab.content.operations import FROM_NOWHERE
from lab.content.protocol import Arrivals, Columns, Counts, Done, PlaneState, Served, Stream, Times, WorldContext
from lab.draws import stream_key
from lab.injection.levers import ActValue, AnyLever, ModelDeploy, Place, PopulationShift, TableColumn
from lab.recording.status import OK
from lab.worlds.decisions import reference
from lab.worlds.decisions.board import Board
from lab.worlds.decisions.coming import arrivals
from lab.worlds.decisions.features import CARD_FEATURES, MERCHANT_FEATURES
from lab.worlds.decisions.feed import Feed
from lab.worlds.decisions.layout import MODEL, TABLES, layout
from lab.worlds.decisions.ledger import Ledger, Totals
from lab.worlds.decisions.levers import LEVERS
from lab.worlds.decisions.payments import Payers
from lab.worlds.decisions.population import make_population
from lab.worlds.decisions.registration import FIRST_VERSIONS, HOUR_S, LABEL_WINDOW_H, REPORT_MEDIAN_H
from lab.worlds.decisions.rows import DecisionLog, Rows, ServedLog
from lab.worlds.decisions.rules import DECLINE
from lab.worlds.decisions.score_tables import CARD_SLOT, CARD_WORDS
from lab.worlds.decisions.settling import decided
from lab.worlds.decisions.training import Model, train
from lab.worlds.kit.entries import EntryCache
from lab.worlds.kit.epochs import Epochs

if TYPE_CHECKING:
    from lab.content.protocol import Content

Array = npt.NDArray[Any]


class Decisions:
    """Implements `lab.content.protocol.Content` for payments."""

    def __init__(self, context: WorldContext) -> None:
        assert context.system.world is not None
        self._context = context
        spec = context.system.world
        settings = {name: float(value) for name, value in spec.settings.items()}
        hour_s = settings.get("hour_s", HOUR_S)
        self._hour_ns = to_ns(hour_s)
        self._window_ns = round(settings.get("label_window_h", LABEL_WINDOW_H) * self._hour_ns)
        self.population = make_population(spec.seed)
        roles = _roles(context)
        self._model_name, cache, database = roles["score_payment"], roles["read_card"], roles["read_card_row"]
        self._cache_name, self._table_name = cache, database
        ttl_ns = to_ns(float(context.system.components[cache].settings["ttl_s"]))
        self.layout = layout(self.population.cards_count, self.population.merchants_count, ttl_ns)
        per_hour = context.rate_per_s * hour_s
        median_h = settings.get("report_median_h", REPORT_MEDIAN_H)
        self._payers = Payers(self.population, context.streams, per_hour, median_h)
        self._feed = Feed(self.population, self._hour_ns, 0)
        self._feed.live_through(self._payers, stream_key(context.streams, "past"), per_hour)
        rows = (self._feed.cards, self._feed.merchants)
        specs = (CARD_FEATURES, MERCHANT_FEATURES)
        self.tables = tuple(Epochs(of, spec, context.streams) for of, spec in zip(rows, specs, strict=True))
        self.versions: list[Model] = []
        for _ in range(FIRST_VERSIONS):
            self.versions.append(self._train(ModelDeploy(training="next-window")))
        self.board = Board(self.population, self.tables, self.versions)
        start_ns, interval_ns = context.start_ns, to_ns(context.system.scrape_interval_s)
        self._served = ServedLog(start_ns, ("default", cache, database))
        self._decided = DecisionLog(start_ns, self._window_ns, self._model_name)
        self._ledger, self._totals = Ledger(self._hour_ns), Totals(start_ns, interval_ns, self._window_ns)
        self._waiting: tuple[tuple[Served, Done], ...] = ()
        self.wave: PopulationShift | None = None
        self.now_ns = 0

    def bind(self, state: PlaneState) -> None:
        self._state = state
        self._open_caches(state)
        self._renew(0)
        state.gate(MODEL).version_a = FIRST_VERSIONS

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        numbers = np.arange(first, first + len(times_ns))
        factor = self.wave.factor if self.wave else 1.0
        paid = self._payers.draw(stream.key, numbers, np.array(times_ns) / self._hour_ns, factor)
        return arrivals(paid, stream.key, numbers, self._hour_ns, stream.responds)

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
        served = Served(*map(np.concatenate, zip(*all_served, strict=True)))
        done = Done(*map(np.concatenate, zip(*all_done, strict=True)))
        self._serve(Served(*(column[served.slot >= 0] for column in served)))
        payments = decided(done, self.tables)
        self._totals.decided(payments)
        self._feed.paid(
            payments.card, payments.merchant, payments.cents, payments.decision == DECLINE, payments.time_ns
        )
        looked = served.slot < 0
        resolved = self._ledger.take(payments, served.request[looked], served.time_ns[looked], self.now_ns)
        is_known = resolved.known_ns >= 0
        self._feed.known(resolved.merchant[is_known], resolved.known_ns[is_known])
        self._totals.resolved(resolved)
        self._decided.add(resolved)

    def _log_violations(self, served: Served) -> None:
        names = list(self._context.system.components)
        for i in np.flatnonzero(served.violation).tolist():
            table = self.tables[int(served.slot[i])]
            broken = table.violation(int(served.epoch[i]), int(served.row[i]), int(served.violation[i]))
            self._context.log(
                int(served.time_ns[i]), names[int(served.component[i])], "ERROR", "feature_contract_violation",
                int(served.request[i]), *broken,
            )  # fmt: skip

    def _serve(self, served: Served) -> None:
        vectors = np.full((len(served.request), CARD_WORDS + len(MERCHANT_FEATURES)), np.nan)
        watermark_ns = np.full(len(served.request), -1)
        for slot, table in enumerate(self.tables):
            mine = np.flatnonzero((served.slot == slot) & (served.source != FROM_NOWHERE))
            epoch = served.epoch[mine]
            columns = slice(0, CARD_WORDS) if slot == CARD_SLOT else slice(CARD_WORDS, None)
            vectors[mine, columns] = table.seen[table.slots(epoch), served.row[mine]]
            watermark_ns[mine] = table.watermarks_ns(epoch)
        self._served.add(
            Rows(
                served.request, served.time_ns, served.slot, served.row, served.source, watermark_ns,
                served.written_ns, vectors,
            )
        )  # fmt: skip

    # The payments job.

    def operate(self, operation: str, now_ns: int) -> int:
        assert operation == "aggregate_payments"
        self.now_ns = now_ns
        self._settle()
        for name, touched in zip(TABLES, self._feed.run(now_ns), strict=True):
            self._state.store(name).touched[touched] = 1
        for table in self.tables:
            table.watermark_ns = now_ns
        self._renew(now_ns)
        return OK

    def _renew(self, now_ns: int) -> None:
        """Begins an epoch of both tables: what is in a cache or on its way keeps its rows."""
        for slot, (name, table, cache) in enumerate(zip(TABLES, self.tables, self.caches, strict=True)):
            named = np.concatenate([cache.epochs(now_ns), self._state.carried_epochs(slot)])
            table.renew(self._state.table(name), named)
        self.board.renew(self.tables)
        self._state.decide_with(self.board.tables)

    # Levers on content.

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        return LEVERS.read(self, lever, str(place))

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self.now_ns = now_ns
        self._settle()
        LEVERS.write(self, lever, str(place), value)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        self.now_ns = now_ns
        self._settle()
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

    def table_named(self, name: str) -> Epochs:
        """A feature table."""
        return self.tables[TABLES.index(name)]

    def change_column(self, table: str, column: str, value: TableColumn | None) -> None:
        """Alters a column for its readers, or puts it back (None)."""
        self.table_named(table).change(column, value)
        self._renew(self.now_ns)

    def change_fraud(self, value: PopulationShift | None) -> None:
        """Multiplies how much of what is paid is fraud."""
        self.wave = value
        self._state.arrive_anew()

    def deploy(self, value: ModelDeploy) -> None:
        """Serves a version: one that there is, or the next one, trained by a recipe."""
        if value.version is None:
            self.versions = [*self.versions, self._train(value)]
            self.board.load(self.versions)
            self._state.decide_with(self.board.tables)
        version = value.version or len(self.versions)
        if version != self.serving:
            self._state.gate(MODEL).version_a = version
            self._context.announce(self.now_ns, self._model_name, "deploy", f"Model version {version} deployed")
            self._context.log(self.now_ns, self._model_name, "INFO", "version_loaded", -1, version)

    def _train(self, value: ModelDeploy) -> Model:
        """The next version: each is trained on the window of history that follows the one before."""
        assert self._context.system.world is not None
        return train(self.population, self._context.system.world.seed, len(self.versions) + 1, value.recipe)

    # Telemetry.

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        by_cache = [cache.samples(now_ns) for cache in self.caches]
        cached = [
            (self._cache_name, metric, "", value + other)
            for (metric, value), (_, other) in zip(*by_cache, strict=True)
        ]  # fmt: skip
        return [*cached, (self._model_name, "model.version", "", float(self.serving))]

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        self._settle()
        entry = self._context.system.entry or self._model_name
        return [(entry, metric, "", values) for metric, values in self._totals.between(edges_ns).items()]

    def final_rows(self, until_ns: int) -> dict[str, Columns]:
        self._settle()
        self._totals.sum_until(self.now_ns)
        return {"features": self._served.final(until_ns), "predictions": self._decided.final(until_ns)}

    def pending_rows(self, until_ns: int) -> dict[str, Columns]:
        self._settle()
        return {
            "features": self._served.pending(until_ns),
            "predictions": self._decided.pending(until_ns, self._ledger.held),
        }

    def reference(self) -> dict[str, Any]:
        return reference.files(self.versions, self._table_name, self._window_ns / NS)

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        self._settle()
        copied = copy.copy(self)
        copied._context, copied._state = context, state
        copied._feed = self._feed.copy()
        copied.tables = tuple(table.copy() for table in self.tables)
        for table, rows in zip(copied.tables, (copied._feed.cards, copied._feed.merchants), strict=True):
            table.rows = rows
        copied.caches = tuple(
            cache.copy(partial(state.store, name)) for name, cache in zip(TABLES, self.caches, strict=True)
        )
        copied._served, copied._decided = self._served.copy(), self._decided.copy()
        copied._ledger, copied._totals = self._ledger.copy(), self._totals.copy()
        copied.board = self.board.copy(copied.tables)
        state.decide_with(copied.board.tables)
        return copied

    def _open_caches(self, state: PlaneState) -> None:
        counts = (self.population.cards_count, self.population.merchants_count)
        self.caches = tuple(
            EntryCache(partial(state.store, name), count, self._context.streams)
            for name, count in zip(TABLES, counts, strict=True)
        )


def _roles(context: WorldContext) -> dict[str, str]:
    """The component that performs each operation."""
    return {
        str(step.operation): str(step.call)
        for component in context.system.components.values()
        for step in component.steps
        if step.operation
    }


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = Decisions
