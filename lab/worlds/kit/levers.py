"""Levers of every learned world: what can be changed of its rows, its caches and its model.

Loads nothing of a world: what a scenario would pull is checked without running anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

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
    TableColumn,
)

if TYPE_CHECKING:
    from lab.worlds.kit.learned import LearnedWorld

World = TypeVar("World", bound="LearnedWorld")


def _read_column(world: LearnedWorld, place: Place) -> TableColumn | None:
    return world.column(place)


def _write_column(world: LearnedWorld, place: Place, value: TableColumn | None) -> None:
    world.change_column(place, value)


def _read_freeze(world: LearnedWorld, place: Place) -> CacheFreeze | None:
    return world.caches[0].frozen


def _write_freeze(world: LearnedWorld, place: Place, value: CacheFreeze | None) -> None:
    for cache in world.caches:
        cache.freeze(value, world.now_ns)


def _read_mixed(world: LearnedWorld, place: Place) -> CacheMixKeys | None:
    return world.caches[0].mixed


def _write_mixed(world: LearnedWorld, place: Place, value: CacheMixKeys | None) -> None:
    for cache in world.caches:
        cache.mix(value)


def _flush(world: LearnedWorld, place: Place, act: CacheFlush) -> None:
    for cache in world.caches:
        cache.flush()


def _read_time_to_live(world: LearnedWorld, place: Place) -> ConfigSet:
    return ConfigSet(value=world.caches[0].ttl_ns / NS)


def _write_time_to_live(world: LearnedWorld, place: Place, value: ConfigSet | None) -> None:
    assert value is not None  # a configuration key always has a value
    for cache in world.caches:
        cache.ttl_ns = to_ns(value.value)


def _read_version(world: LearnedWorld, place: Place) -> ModelDeploy:
    return ModelDeploy(version=world.model.serving)


def _write_version(world: LearnedWorld, place: Place, value: ModelDeploy | None) -> None:
    assert value is not None  # a model server always has a version to serve
    world.deploy(value)


def _read_unloaded(world: LearnedWorld, place: Place) -> ModelUnload | None:
    return None if world.model.loaded else ModelUnload()


def _write_unloaded(world: LearnedWorld, place: Place, value: ModelUnload | None) -> None:
    world.model.loaded = value is None


def _read_canary(world: LearnedWorld, place: Place) -> ModelCanary | None:
    return world.model.canary


def _write_canary(world: LearnedWorld, place: Place, value: ModelCanary | None) -> None:
    world.let_answer(value)


def enter_common(levers: LeverTable[World]) -> None:
    """Enters into a world's table the levers that every learned world has."""
    levers.lever(TableColumn, _read_column, _write_column)
    levers.lever(CacheFreeze, _read_freeze, _write_freeze)
    levers.lever(CacheMixKeys, _read_mixed, _write_mixed)
    levers.lever(ConfigSet, _read_time_to_live, _write_time_to_live)
    levers.lever(ModelDeploy, _read_version, _write_version)
    levers.lever(ModelCanary, _read_canary, _write_canary)
    levers.lever(ModelUnload, _read_unloaded, _write_unloaded)
    levers.act(CacheFlush, _flush)
