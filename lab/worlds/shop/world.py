"""The shop behind the simulated recommender: operations of the call plans and the feed.

Timing belongs to the request engine. Here is what the requests mean: which row was served, which version
scored it, what was shown and clicked. Scoring is put off and done in batches; it is settled before anything
reads or changes what it depends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.agreed.run import PAST_S
from lab.clock import NS
from lab.injection.levers import (
    ActValue,
    AnyLever,
    ModelDeploy,
    Place,
    PopulationShift,
    PopulationTastes,
    Recipe,
    TableColumn,
)
from lab.recording.status import ERROR, MISS, OK, UNAVAILABLE
from lab.worlds.base import Counts, Operation, Times, Visit, WorldContext
from lab.worlds.shop import reference
from lab.worlds.shop.behaviour import CLICK_WEIGHT, Missions
from lab.worlds.shop.browsing import Browsing
from lab.worlds.shop.catalog import active_catalog, make_catalog
from lab.worlds.shop.features import INDEX
from lab.worlds.shop.levers import LEVERS
from lab.worlds.shop.offer import FIRST_VERSIONS, SHOPPERS
from lab.worlds.shop.requests import FROM_CACHE, FROM_NOWHERE, FROM_TABLE, ShopRequests, ShopStream
from lab.worlds.shop.scoring import ShownLog
from lab.worlds.shop.store import FeatureCache, FeatureTable
from lab.worlds.shop.training import Model, train

if TYPE_CHECKING:
    from lab.worlds.base import World


class ShopWorld:
    """Implements `lab.worlds.base.World` for the shop."""

    def __init__(self, context: WorldContext) -> None:
        assert context.system.world is not None
        self._context = context
        self._streams = context.streams
        self.seed = context.system.world.seed
        visitors = int(context.system.world.settings.get("visitors", SHOPPERS))
        self.catalog = active_catalog(make_catalog(self.seed), visitors)
        end_s = (context.end_ns - context.start_ns) / NS
        warmup_s = context.start_ns / NS
        self._first_s = -warmup_s - PAST_S
        self.missions = Missions(self.catalog, self._streams, self._first_s, end_s)
        self.browsing = Browsing(self.catalog, self.missions)
        self.aggregate = self.browsing.aggregate
        self.table = FeatureTable(self.catalog.profile.copy(), self._streams)
        self.browsing.live_through(self._streams, self._first_s, -warmup_s, context.rate_per_s)
        self.aggregate.write(self.table.rows)
        self.table.refresh()
        roles = _roles(context)
        self._model_name, self._cache_name, self._table_name = roles["predict"], roles["read_entry"], roles["read_row"]
        ttl_s = float(context.system.components[self._cache_name].settings["ttl_s"])
        self.cache = FeatureCache(self.catalog.users_count, round(ttl_s * NS), self._streams)
        self.versions: list[Model] = []
        for _ in range(FIRST_VERSIONS):
            self.versions.append(self._train({}))
        self.serving = FIRST_VERSIONS
        self.loaded = True
        self.requests: list[tuple[ShopStream, ShopRequests]] = []
        self.shown = ShownLog(self.catalog, self._streams, context.start_ns)
        self._touched = np.zeros(self.catalog.users_count, bool)
        self._aggregated_ns = 0
        self.shifts: dict[str, PopulationShift | None] = {}
        self.now_ns = 0
        self._counted = (0, 0, 0)
        self.operations: Mapping[str, Operation[ShopRequests]] = {
            "read_entry": self.read_entry,
            "read_row": self.read_row,
            "write_entry": self.write_entry,
            "assemble_features": self.assemble_features,
            "predict": self.predict,
            "apply_rules": self.apply_rules,
            "aggregate_events": self.aggregate_events,
            "refresh_entries": self.refresh_entries,
        }

    def _train(self, recipe: Recipe) -> Model:
        """The next version: each is trained on the window of history that follows the one before."""
        return train(self.catalog, self.seed, len(self.versions) + 1, recipe)

    def open(self, source: ShopStream, *, clicks: bool = True) -> None:
        source.data = data = ShopRequests(source.name, source.times_ns, self.catalog, self._streams, clicks=clicks)
        self.requests.append((source, data))

    def complete(self, source: ShopStream, n: int, now_ns: int, status: int) -> None:
        if status == OK and source.data is not None:
            source.data.pending.append(n)
            source.data.pending_ns.append(now_ns)

    # Operations of the call plans: (visit, now_ns) -> status.

    def read_entry(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        data, n = visit.source.data, visit.n
        cache = self.cache
        key = cache.key(data.users_list[n], now_ns)
        if key < 0:
            return MISS
        if not visit.is_waiting:
            return OK
        data.vectors[n] = cache.rows[key]
        data.source[n] = FROM_CACHE
        data.read_ns[n] = now_ns
        data.row_ns[n] = cache.row_ns[key]
        data.entry_ns[n] = cache.entry_ns[key]
        broken = cache.broken[key]
        if broken is not None:
            data.broken[n] = broken
        return OK

    def read_row(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        if not visit.is_waiting:
            return OK
        data, n = visit.source.data, visit.n
        table = self.table
        user = data.users_list[n]
        data.vectors[n] = table.seen[user]
        data.source[n] = FROM_TABLE
        data.read_ns[n] = now_ns
        data.row_ns[n] = table.watermark_ns
        if table.broken[user]:
            data.broken[n] = table.violations[table.broken[user]]
        return OK

    def write_entry(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        data, n = visit.source.data, visit.n
        self.cache.put(data.users_list[n], data.vectors[n], data.broken.get(n), data.row_ns[n], now_ns)
        return OK

    def assemble_features(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        data, n = visit.source.data, visit.n
        if visit.failed and self._served_nothing(visit):
            data.source[n] = FROM_NOWHERE
            data.read_ns[n] = now_ns
        elif n in data.broken:
            column, message = data.broken[n]
            self._context.log(
                now_ns,
                visit.component.name,
                "ERROR",
                "feature_contract_violation",
                visit.source.base + n,
                column,
                message,
            )
            return ERROR
        return OK

    @staticmethod
    def _served_nothing(visit: Visit[ShopRequests]) -> bool:
        """Whether no lookup of the plan succeeded: every step that could have brought a row failed or missed."""
        lookups = [s.bit for s in visit.component.steps if s.spec.operation in ("read_entry", "read_row")]
        return all(visit.failed & bit for bit in lookups)

    def predict(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        if not self.loaded:
            return UNAVAILABLE
        if visit.is_waiting:
            visit.source.data.version[visit.n] = self.serving
        return OK

    def apply_rules(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        if visit.is_waiting:
            visit.source.data.ruled[visit.n] = 1
        return OK

    def aggregate_events(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        self.settle()
        self.aggregate.decay((now_ns - self._aggregated_ns) / NS)
        self._aggregated_ns = now_ns
        start_ns = self._context.start_ns
        for source, data in self.requests:
            # Only those who came: a stream that was closed has arrivals left that never happen.
            until = min(int(np.searchsorted(data.times_ns, now_ns)), source.position)
            new = slice(data.browsed_until, until)
            data.browsed_until = until
            times_s = (data.times_ns[new] - start_ns) / NS
            now_s = (now_ns - start_ns) / NS
            self.browsing.add(data.users[new], times_s, now_s, data.browse_draws[new], data.price_draws[new])
            self._touched[data.users[new]] = True
        users, items, ages_s = self.shown.take_clicks(now_ns)
        catalog_items = self.catalog.items
        log_prices = np.log(catalog_items["price_eur"][items])
        self.aggregate.add(users, catalog_items["category"][items], log_prices, ages_s, CLICK_WEIGHT)
        self._touched[users] = True
        self.aggregate.write(self.table.rows)
        self.table.watermark_ns = now_ns
        self.table.refresh()
        return OK

    def refresh_entries(self, visit: Visit[ShopRequests], now_ns: int) -> int:
        table, cache = self.table, self.cache
        for user in cache.live(now_ns):
            if self._touched[user]:
                broken = table.violations[table.broken[user]] if table.broken[user] else None
                cache.put(user, table.seen[user], broken, table.watermark_ns, now_ns)
        self._touched[:] = False
        return OK

    def settle(self) -> None:
        """Scores, shows and draws clicks for every page answered since the last time."""
        for source, data in self.requests:
            if data.pending:
                self.shown.settle(source, data, self.versions, self.missions)

    # Levers on content.

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        return LEVERS.read(self, lever, str(place))

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        self.settle()
        self.now_ns = now_ns
        LEVERS.write(self, lever, str(place), value)

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        LEVERS.do(self, str(place), act)

    def change_column(self, column: str, value: TableColumn | None) -> None:
        """Alters a column of the table for its readers, or puts it back (None)."""
        self.table.change(column, value)

    def deploy(self, value: ModelDeploy) -> None:
        """Serves a version: one that there is, or the next one, trained by a recipe."""
        if value.version is None:
            self.versions.append(self._train(value.recipe))
        version = value.version or len(self.versions)
        if version != self.serving:
            self.serving = version
            self._context.announce(self.now_ns, self._model_name, "deploy", f"Model version {version} deployed")
            self._context.log(self.now_ns, self._model_name, "INFO", "version_loaded", -1, version)

    def shift(self, feature: str, value: PopulationShift | None) -> None:
        """Multiplies a feature of all users by what they have at rest."""
        position = INDEX[feature]
        base = self.catalog.profile[:, position]
        self.table.rows[:, position] = base * (value.factor if value else 1.0)
        self.shifts[feature] = value
        self.table.refresh()

    def change_tastes(self, value: PopulationTastes | None) -> None:
        """Turns a share of the users to other categories, or back."""
        self.missions.change(value, self._streams)

    # Telemetry.

    def samples(self, now_ns: int) -> list[tuple[str, str, str, float]]:
        cache = self.cache
        totals = (cache.hits_count, cache.misses_count, cache.count_expired(now_ns))
        hits, misses, expired = (total - before for total, before in zip(totals, self._counted, strict=True))
        self._counted = totals
        name = self._cache_name
        return [
            (name, "cache.hit.count", "", float(hits)),
            (name, "cache.miss.count", "", float(misses)),
            (name, "cache.expired.count", "", float(expired)),
            (name, "cache.entries", "", float(len(cache.live(now_ns)))),
            (self._model_name, "model.version", "", float(self.serving)),
        ]

    def finish(self, now_ns: int) -> None:
        self.settle()

    def tables(self, end_ns: int) -> dict[str, dict[str, Any]]:
        return {
            "features": reference.served_features(self.requests, self._context, self._cache_name, self._table_name),
            "predictions": self.shown.table(end_ns, self._model_name),
        }

    def event_counts(self, edges_ns: Times) -> list[tuple[str, str, str, Counts]]:
        self.settle()
        shown, clicked = self.shown.counts(edges_ns)
        entry = self._context.system.entry
        return [
            (entry, "recommendation.impression.count", "", shown),
            (entry, "recommendation.click.count", "", clicked),
        ]

    def reference(self) -> dict[str, Any]:
        return reference.files(self.versions, self._table_name)


def _roles(context: WorldContext) -> dict[str, str]:
    """The component that performs each operation."""
    return {
        str(step.operation): str(step.call)
        for component in context.system.components.values()
        for step in component.steps
        if step.operation
    }


if TYPE_CHECKING:
    _KEEPS_TO: type[World[ShopRequests]] = ShopWorld
