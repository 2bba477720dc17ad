"""Levers on fraud decisions: those of every learned world, and what can be changed of the payers.

Loads nothing of the world itself: what a scenario would pull is checked without running anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.injection.levers import LeverTable, Place, PopulationShift
from lab.worlds.kit.levers import enter_common

if TYPE_CHECKING:
    from lab.worlds.decisions.world import Decisions


def _read_shift(world: Decisions, place: Place) -> PopulationShift | None:
    return world.wave


def _write_shift(world: Decisions, place: Place, value: PopulationShift | None) -> None:
    world.change_fraud(value)


LEVERS: LeverTable[Decisions] = LeverTable("sim")
enter_common(LEVERS)
LEVERS.lever(PopulationShift, _read_shift, _write_shift)
