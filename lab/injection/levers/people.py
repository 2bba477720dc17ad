"""Levers of the people who use the system: who comes, how many, and what they like."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.errors import ParameterError, Problem, nearest
from lab.injection.levers.record import Factor, LeverValue, Place, Share
from lab.systems.topology import System
from lab.systems.worlds import world_of

__all__ = ["PopulationBots", "PopulationShift", "PopulationSurge", "PopulationTastes"]

MAX_RATE_PER_S = 10_000.0
"""The most requests a second of one stream of arrivals."""
Rate = Annotated[float, Field(gt=0, le=MAX_RATE_PER_S, allow_inf_nan=False, examples=[5.0])]


class PopulationShift(
    LeverValue, lever="population.shift", on={"users"}, part="feature", content=True, kept="journalled"
):
    """Multiplies a feature of the people who come."""

    factor: Annotated[Factor, Field(examples=[0.5])]

    @classmethod
    def check_part(cls, system: System, place: Place) -> None:
        world = world_of(system)
        columns = world.people_features if world else ()
        if columns and place.part not in columns:
            what = f"users have no feature {place.part!r}"
            raise ParameterError("feature", Problem(what, hint=nearest(place.part, columns)))


class PopulationTastes(LeverValue, lever="population.tastes", on={"users"}, content=True, kept="leased"):
    """Replaces what a share of the people like."""

    fraction: Annotated[Share, Field(examples=[0.5])]


class PopulationSurge(LeverValue, lever="population.surge", on={"users"}, kept="journalled"):
    """Adds requests of people."""

    rate_per_s: Rate


class PopulationBots(LeverValue, lever="population.bots", on={"users"}, kept="journalled"):
    """Adds requests of visitors that never respond to what they get."""

    rate_per_s: Rate
