"""The shop's levers: what can be changed of its rows, its cache, its models and its people.

Loads nothing of the shop itself: what a scenario would pull is checked without running anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.clock import NS, to_ns
from lab.injection.levers import (
    CacheFlush,
    CacheFreeze,
    CacheMixKeys,
    ConfigSet,
    LeverTable,
    ModelCanary,
    ModelDeploy,
    ModelUnload,
    Place,
    PopulationShift,
    PopulationTastes,
    TableColumn,
)

if TYPE_CHECKING:
    from lab.worlds.shop.world import ShopWorld


def _read_column(shop: ShopWorld, place: Place) -> TableColumn | None:
    return shop.table.changes.get(place.column)


def _write_column(shop: ShopWorld, place: Place, value: TableColumn | None) -> None:
    shop.change_column(place.column, value)


def _read_freeze(shop: ShopWorld, place: Place) -> CacheFreeze | None:
    return shop.cache.frozen


def _write_freeze(shop: ShopWorld, place: Place, value: CacheFreeze | None) -> None:
    shop.cache.freeze(value, shop.now_ns)


def _read_mixed(shop: ShopWorld, place: Place) -> CacheMixKeys | None:
    return shop.cache.mixed


def _write_mixed(shop: ShopWorld, place: Place, value: CacheMixKeys | None) -> None:
    shop.cache.mix(value)


def _flush(shop: ShopWorld, place: Place, act: CacheFlush) -> None:
    shop.cache.flush()


def _read_time_to_live(shop: ShopWorld, place: Place) -> ConfigSet:
    return ConfigSet(value=shop.cache.ttl_ns / NS)


def _write_time_to_live(shop: ShopWorld, place: Place, value: ConfigSet | None) -> None:
    assert value is not None  # a configuration key always has a value
    shop.cache.ttl_ns = to_ns(value.value)


def _read_version(shop: ShopWorld, place: Place) -> ModelDeploy:
    return ModelDeploy(version=shop.serving)


def _write_version(shop: ShopWorld, place: Place, value: ModelDeploy | None) -> None:
    assert value is not None  # a model server always has a version to serve
    shop.deploy(value)


def _read_canary(shop: ShopWorld, place: Place) -> ModelCanary | None:
    return shop.canary


def _write_canary(shop: ShopWorld, place: Place, value: ModelCanary | None) -> None:
    shop.let_answer(value)


def _read_unloaded(shop: ShopWorld, place: Place) -> ModelUnload | None:
    return None if shop.loaded else ModelUnload()


def _write_unloaded(shop: ShopWorld, place: Place, value: ModelUnload | None) -> None:
    shop.loaded = value is None


def _read_shift(shop: ShopWorld, place: Place) -> PopulationShift | None:
    return shop.shifts.get(place.part)


def _write_shift(shop: ShopWorld, place: Place, value: PopulationShift | None) -> None:
    shop.shift(place.part, value)


def _read_tastes(shop: ShopWorld, place: Place) -> PopulationTastes | None:
    return shop.missions.changed


def _write_tastes(shop: ShopWorld, place: Place, value: PopulationTastes | None) -> None:
    shop.change_tastes(value)


LEVERS: LeverTable[ShopWorld] = LeverTable("sim")
LEVERS.lever(TableColumn, _read_column, _write_column)
LEVERS.lever(CacheFreeze, _read_freeze, _write_freeze)
LEVERS.lever(CacheMixKeys, _read_mixed, _write_mixed)
LEVERS.lever(ConfigSet, _read_time_to_live, _write_time_to_live)
LEVERS.lever(ModelDeploy, _read_version, _write_version)
LEVERS.lever(ModelCanary, _read_canary, _write_canary)
LEVERS.lever(ModelUnload, _read_unloaded, _write_unloaded)
LEVERS.lever(PopulationShift, _read_shift, _write_shift)
LEVERS.lever(PopulationTastes, _read_tastes, _write_tastes)
LEVERS.act(CacheFlush, _flush)
