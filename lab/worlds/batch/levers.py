"""Levers on nightly segments: columns and partitions of the sources, what jobs write, the model, the market.

Loads nothing of the world itself: what a scenario would pull is checked without running anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.injection.levers import (
    ConfigSet,
    JobBackfill,
    JobKeepOutput,
    LeverTable,
    ModelDeploy,
    ModelUnload,
    PartitionDelay,
    Place,
    TableColumn,
)
from lab.systems.topology import System
from lab.worlds.batch.market import (
    MarketHoliday,
    MarketOpen,
    MarketResponse,
    PopulationGrowth,
)
from lab.worlds.batch.vocabulary import COUNTRY, MARKETS, SEGMENTS
from lab.worlds.batch.vocabulary import CUSTOMERS as CUSTOMER_TABLE

if TYPE_CHECKING:
    from lab.worlds.batch.world import Batch


def _read_column(world: Batch, place: Place) -> TableColumn | None:
    return world.nightly.sources.changes.get(place.table, {}).get(place.column)


def _write_column(world: Batch, place: Place, value: TableColumn | None) -> None:
    changes = world.nightly.sources.changes.setdefault(place.table, {})
    changes.pop(place.column, None)
    if value is not None:
        changes[place.column] = value


def _cannot_change(system: System, place: Place, value: TableColumn) -> str:
    """Not what leaves texts as they are."""
    if place.column == COUNTRY and (value.change == "rescale" or value.to == "text"):
        return f"{place.part} is text: {value.change} leaves it as it is; null, rename and retype to integer do not"
    return ""


def _read_late(world: Batch, place: Place) -> PartitionDelay | None:
    return world.nightly.sources.late.get(place.part)


def _write_late(world: Batch, place: Place, value: PartitionDelay | None) -> None:
    world.nightly.sources.late.pop(place.part, None)
    if value is not None:
        world.nightly.sources.late[place.part] = value


def _cannot_be_late(system: System, place: Place, value: PartitionDelay) -> str:
    """Not of customers, who are read as they are at that time."""
    return f"{place.part} has no partitions: it is read as it is" if place.part == CUSTOMER_TABLE else ""


def _read_kept(world: Batch, place: Place) -> JobKeepOutput | None:
    kept = world.nightly.shelf.kept.get(place.element)
    return None if kept is None else JobKeepOutput(fraction=kept)


def _write_kept(world: Batch, place: Place, value: JobKeepOutput | None) -> None:
    world.nightly.shelf.kept.pop(place.element, None)
    if value is not None:
        world.nightly.shelf.kept[place.element] = value.fraction


def _read_setting(world: Batch, place: Place) -> ConfigSet:
    return ConfigSet(value=world.settings.get(place.element, place.part.removeprefix("settings.")))


def _write_setting(world: Batch, place: Place, value: ConfigSet | None) -> None:
    assert value is not None  # a configuration key always has a value
    world.settings.set(place.element, place.part.removeprefix("settings."), value.value)


def _backfill(world: Batch, place: Place, act: JobBackfill) -> None:
    """Other jobs make all that they write anew each night."""
    if place.element == world.settings.caller("write_extract"):
        world.backfill()


def _read_version(world: Batch, place: Place) -> ModelDeploy:
    return ModelDeploy(version=world.nightly.registry.serving)


def _write_version(world: Batch, place: Place, value: ModelDeploy | None) -> None:
    assert value is not None  # a model server always has a version to serve
    world.deploy(value)


def _read_unloaded(world: Batch, place: Place) -> ModelUnload | None:
    return None if world.nightly.registry.is_loaded else ModelUnload()


def _write_unloaded(world: Batch, place: Place, value: ModelUnload | None) -> None:
    world.nightly.registry.is_loaded = value is None


def _of_source(world: Batch, place: Place) -> bool:
    """Whether customers are kept there; elsewhere nothing of the market can be changed."""
    return place.element == world.source


def _read_market(world: Batch, place: Place) -> MarketOpen | None:
    return world.market if _of_source(world, place) else None


def _write_market(world: Batch, place: Place, value: MarketOpen | None) -> None:
    if _of_source(world, place):
        world.open_market(value)


def _read_holiday(world: Batch, place: Place) -> MarketHoliday | None:
    factor = world.nightly.sources.lively
    return None if factor == 1.0 or not _of_source(world, place) else MarketHoliday(factor=factor)


def _write_holiday(world: Batch, place: Place, value: MarketHoliday | None) -> None:
    if _of_source(world, place):
        world.nightly.sources.lively = value.factor if value else 1.0


def _read_response(world: Batch, place: Place) -> MarketResponse | None:
    return world.response


def _write_response(world: Batch, place: Place, value: MarketResponse | None) -> None:
    world.change_response(value)


def _read_growth(world: Batch, place: Place) -> PopulationGrowth | None:
    factor = world.nightly.sources.population.growth
    return None if factor == 1.0 or not _of_source(world, place) else PopulationGrowth(factor=factor)


def _write_growth(world: Batch, place: Place, value: PopulationGrowth | None) -> None:
    if _of_source(world, place):
        world.nightly.sources.population.growth = value.factor if value else 1.0


def _cannot_open(system: System, place: Place, value: MarketOpen) -> str:
    """Only of countries of which nobody is yet."""
    known = [one.lower() for one in MARKETS]
    return (
        ""
        if value.country in known
        else f"the market of {value.country!r} cannot open; those of {' and '.join(known)} can"
    )


def _cannot_respond(system: System, place: Place, value: MarketResponse) -> str:
    """Only to campaigns that there are: one for each segment."""
    return (
        ""
        if value.campaign in SEGMENTS
        else f"there is no campaign {value.campaign!r}; there are {', '.join(SEGMENTS)}"
    )


LEVERS: LeverTable[Batch] = LeverTable("sim")
LEVERS.lever(TableColumn, _read_column, _write_column, _cannot_change)
LEVERS.lever(PartitionDelay, _read_late, _write_late, _cannot_be_late)
LEVERS.lever(JobKeepOutput, _read_kept, _write_kept)
LEVERS.lever(ConfigSet, _read_setting, _write_setting)
LEVERS.lever(ModelDeploy, _read_version, _write_version)
LEVERS.lever(ModelUnload, _read_unloaded, _write_unloaded)
LEVERS.lever(MarketOpen, _read_market, _write_market, _cannot_open)
LEVERS.lever(MarketHoliday, _read_holiday, _write_holiday)
LEVERS.lever(MarketResponse, _read_response, _write_response, _cannot_respond)
LEVERS.lever(PopulationGrowth, _read_growth, _write_growth)
LEVERS.act(JobBackfill, _backfill)
