"""Levers on the content: what can be changed of its rows, its caches, its models and its payers.

Loads nothing of the world itself: what a scenario would pull is checked without running anything.
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
    ModelDeploy,
    ModelUnload,
    Place,
    PopulationShift,
    TableColumn,
)

if TYPE_CHECKING:
    from lab.worlds.decisions.world import Decisions


def _read_column(world: Decisions, place: Place) -> TableColumn | None:
    return world.table_named(place.table).changes.get(place.column)


def _write_column(world: Decisions, place: Place, value: TableColumn | None) -> None:
    world.change_column(place.table, place.column, value)


def _read_freeze(world: Decisions, place: Place) -> CacheFreeze | None:
    return world.caches[0].frozen


def _write_freeze(world: Decisions, place: Place, value: CacheFreeze | None) -> None:
    for cache in world.caches:
        cache.freeze(value, world.now_ns)


def _read_mixed(world: Decisions, place: Place) -> CacheMixKeys | None:
    return world.caches[0].mixed


def _write_mixed(world: Decisions, place: Place, value: CacheMixKeys | None) -> None:
    for cache in world.caches:
        cache.mix(value)


def _flush(world: Decisions, place: Place, act: CacheFlush) -> None:
    for cache in world.caches:
        cache.flush()


def _read_time_to_live(world: Decisions, place: Place) -> ConfigSet:
    return ConfigSet(value=world.caches[0].ttl_ns / NS)


def _write_time_to_live(world: Decisions, place: Place, value: ConfigSet | None) -> None:
    assert value is not None  # a configuration key always has a value
    for cache in world.caches:
        cache.ttl_ns = to_ns(value.value)


def _read_version(world: Decisions, place: Place) -> ModelDeploy:
    return ModelDeploy(version=world.serving)


def _write_version(world: Decisions, place: Place, value: ModelDeploy | None) -> None:
    assert value is not None  # a model server always has a version to serve
    world.deploy(value)


def _read_unloaded(world: Decisions, place: Place) -> ModelUnload | None:
    return None if world.loaded else ModelUnload()


def _write_unloaded(world: Decisions, place: Place, value: ModelUnload | None) -> None:
    world.loaded = value is None


def _read_shift(world: Decisions, place: Place) -> PopulationShift | None:
    return world.wave


def _write_shift(world: Decisions, place: Place, value: PopulationShift | None) -> None:
    world.change_fraud(value)


LEVERS: LeverTable[Decisions] = LeverTable("sim")
LEVERS.lever(TableColumn, _read_column, _write_column)
LEVERS.lever(CacheFreeze, _read_freeze, _write_freeze)
LEVERS.lever(CacheMixKeys, _read_mixed, _write_mixed)
LEVERS.lever(ConfigSet, _read_time_to_live, _write_time_to_live)
LEVERS.lever(ModelDeploy, _read_version, _write_version)
LEVERS.lever(ModelUnload, _read_unloaded, _write_unloaded)
LEVERS.lever(PopulationShift, _read_shift, _write_shift)
LEVERS.act(CacheFlush, _flush)
