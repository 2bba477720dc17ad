"""The shop's levers: those of every learned world, and what can be changed of its people.

Loads nothing of the shop itself: what a scenario would pull is checked without running anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.injection.levers import LeverTable, Place, PopulationShift, PopulationTastes
from lab.worlds.kit.levers import enter_common

if TYPE_CHECKING:
    from lab.worlds.shop.world import ShopWorld


def _read_shift(shop: ShopWorld, place: Place) -> PopulationShift | None:
    return shop.shifts.get(place.part)


def _write_shift(shop: ShopWorld, place: Place, value: PopulationShift | None) -> None:
    shop.shift(place.part, value)


def _read_tastes(shop: ShopWorld, place: Place) -> PopulationTastes | None:
    return shop.missions.changed


def _write_tastes(shop: ShopWorld, place: Place, value: PopulationTastes | None) -> None:
    shop.change_tastes(value)


LEVERS: LeverTable[ShopWorld] = LeverTable("sim")
enter_common(LEVERS)
LEVERS.lever(PopulationShift, _read_shift, _write_shift)
LEVERS.lever(PopulationTastes, _read_tastes, _write_tastes)
