"""Fraud decisions behind a simulated system: what payments mean, the payments job, analysts, chargebacks.

Timing, stores, tables and the way of a request are the request plane's, which asks this world's kernel for scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS, to_ns
from lab.content.protocol import Arrivals, Columns, Counts, Done, PlaneState, Served, Stream, Times, WorldContext
from lab.draws import stream_key
from lab.injection.levers import ModelCanary, ModelDeploy, PopulationShift
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
from lab.worlds.decisions.rows import NAMES, DecisionLog, entities
from lab.worlds.decisions.rules import DECLINE
from lab.worlds.decisions.settling import decided
from lab.worlds.decisions.training import train
from lab.worlds.kit.epochs import Epochs
from lab.worlds.kit.learned import LearnedWorld
from lab.worlds.kit.rows import chosen
from lab.worlds.kit.served import ServedLog
from lab.worlds.kit.serving import ServedModel

if TYPE_CHECKING:
    from lab.content.protocol import Content

Array = npt.NDArray[Any]


class Decisions(LearnedWorld):
    """Implements `lab.content.protocol.Content` for payments."""

    LEVERS = LEVERS

    def __init__(self, context: WorldContext) -> None:
        super().__init__(context)
        assert context.system.world is not None
        spec, performers = context.system.world, context.system.performers
        settings = {name: float(value) for name, value in spec.settings.items()}
        hour_s = settings.get("hour_s", HOUR_S)
        self._hour_ns = to_ns(hour_s)
        self._window_ns = round(settings.get("label_window_h", LABEL_WINDOW_H) * self._hour_ns)
        self.population = make_population(spec.seed)
        self.cache_component, self._table_component = performers["read_card"], performers["read_card_row"]
        ttl_ns = to_ns(float(context.system.components[self.cache_component].settings["ttl_s"]))
        self.layout = layout(self.population.cards_count, self.population.merchants_count, ttl_ns)
        per_hour = context.rate_per_s * hour_s
        median_h = settings.get("report_median_h", REPORT_MEDIAN_H)
        self._payers = Payers(self.population, context.streams, per_hour, median_h)
        self._feed = Feed(self.population, self._hour_ns, 0)
        self._feed.live_through(self._payers, stream_key(context.streams, "past"), per_hour)
        rows = (self._feed.cards, self._feed.merchants)
        specs = (CARD_FEATURES, MERCHANT_FEATURES)
        self.tables = tuple(Epochs(of, spec, context.streams) for of, spec in zip(rows, specs, strict=True))
        # Each version is trained on the window of history that follows that of the one before.
        trained = partial(train, self.population, spec.seed)
        self.model = ServedModel(performers["score_payment"], MODEL, trained, FIRST_VERSIONS)
        self.board = Board(self.population, self.tables, self.model.versions)
        start_ns, interval_ns = context.start_ns, to_ns(context.system.scrape_interval_s)
        self._served = ServedLog(start_ns, ("default", self.cache_component, self._table_component), NAMES, entities)
        self._decided = DecisionLog(start_ns, self._window_ns, self.model.component)
        self._ledger, self._totals = Ledger(self._hour_ns), Totals(start_ns, interval_ns, self._window_ns)
        self.wave: PopulationShift | None = None

    def arrive(self, stream: Stream, first: int, times_ns: Times) -> Arrivals:
        numbers = np.arange(first, first + len(times_ns))
        factor = self.wave.factor if self.wave else 1.0
        paid = self._payers.draw(stream.key, numbers, np.array(times_ns) / self._hour_ns, factor)
        return arrivals(paid, stream.key, numbers, self._hour_ns, stream.responds)

    # Blocks.

    def _take(self, served: Served, done: Done) -> None:
        rows = chosen(served, served.slot >= 0)
        self._served.add(rows, rows.row, self.tables)
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

    # The payments job.

    def operate(self, operation: str, now_ns: int, request: int) -> int:
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
        super()._renew(now_ns)
        self.board.renew(self.tables)
        self._state.decide_with(self.board.tables)

    # Levers on content.

    def deploy(self, value: ModelDeploy) -> None:
        super().deploy(value)
        self._load_versions()

    def let_answer(self, value: ModelCanary | None) -> None:
        super().let_answer(value)
        self._load_versions()

    def _load_versions(self) -> None:
        """Makes the trees of all versions known to the kernel that scores."""
        self.board.load(self.model.versions)
        self._state.decide_with(self.board.tables)

    def change_fraud(self, value: PopulationShift | None) -> None:
        """Multiplies how much of what is paid is fraud."""
        self.wave = value
        self._state.arrive_anew()

    # Telemetry.

    def counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        self._settle()
        entry = self._context.system.entry or self.model.component
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
        return reference.files(self.model.versions, self._table_component, self._window_ns / NS)

    def branch(self, context: WorldContext, state: PlaneState, streams: Sequence[Stream]) -> Content:
        copied = self._branched(context, state)
        copied._feed = self._feed.copy()
        for table, rows in zip(copied.tables, (copied._feed.cards, copied._feed.merchants), strict=True):
            table.rows = rows
        for name in ("_served", "_decided", "_ledger", "_totals"):
            setattr(copied, name, getattr(self, name).copy())
        copied.board = self.board.copy(copied.tables)
        state.decide_with(copied.board.tables)
        return copied


if TYPE_CHECKING:
    _KEEPS_TO: type[Content] = Decisions
