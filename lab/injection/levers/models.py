"""Levers of model servers: which version is served, if any."""

from __future__ import annotations

from typing import Annotated, Self, TypedDict

from pydantic import Field, model_validator

from lab.injection.levers.record import LeverValue, Place, Share
from lab.systems.topology import System

__all__ = ["ModelDeploy", "ModelUnload", "Recipe"]


class Recipe(TypedDict, total=False):
    """How a model version is trained. `corrupted`: the share of engaged clicks whose label is lost (0 to 1)."""

    training: str
    corrupted: float


class ModelDeploy(LeverValue, lever="model.deploy", on={"model"}, content=True, kept="journalled"):
    """Trains and serves the next version, or serves an earlier one again.

    `training` names how the new version is trained, `corrupted` the share of engaged clicks whose label is lost; its
    number follows deploy order. `version` is the number of one that there is: how the lever reads, and goes back.
    """

    training: Annotated[str | None, Field(pattern=r"^[a-z][a-z-]{0,39}$", examples=["next-window"])] = None
    corrupted: Share | None = None
    version: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.training is None) == (self.version is None):
            raise ValueError("expected either training or version")
        return self

    @property
    def recipe(self) -> Recipe:
        """How the new version is trained, as training is given it."""
        recipe = Recipe()
        if self.training is not None:
            recipe["training"] = self.training
        if self.corrupted is not None:
            recipe["corrupted"] = self.corrupted
        return recipe

    @classmethod
    def neutral(cls, system: System, place: Place) -> Self:
        return cls(version=1)


class ModelUnload(LeverValue, lever="model.unload", on={"model"}, content=True, kept="journalled"):
    """Serves no version."""
