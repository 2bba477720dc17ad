"""Levers of model servers: which version is served, if any."""

from __future__ import annotations

from typing import Annotated, Self, TypedDict

from pydantic import Field, model_validator

from lab.errors import ParameterError, Problem, nearest
from lab.injection.levers.record import LeverValue, Place, Share
from lab.systems.topology import System
from lab.systems.worlds import world_of

__all__ = ["ModelCanary", "ModelDeploy", "ModelUnload", "Recipe"]


class Recipe(TypedDict, total=False):
    """How a model version is trained. `corrupted`: the share of positive labels that is lost (0 to 1)."""

    training: str
    corrupted: float


class ModelDeploy(LeverValue, lever="model.deploy", on={"model"}, content=True, kept="journalled"):
    """Trains and serves the next version, or serves an earlier one again.

    `training` names how the new version is trained, `corrupted` the share of positive labels that is lost, those that
    tell most; its number follows deploy order. `version` is one of those that are there from the start: how the lever
    reads, and goes back.
    """

    training: Annotated[str | None, Field(pattern=r"^[a-z][a-z-]{0,39}$", examples=["next-window"])] = None
    corrupted: Share | None = None
    version: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.training is None) == (self.version is None):
            raise ValueError("expected either training or version")
        if self.version is not None and self.corrupted is not None:
            raise ValueError("'corrupted' goes with 'training' only: a version that is there was trained before")
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

    def answering(self, share: float) -> ModelDeploy:
        """Itself, or where the share of the requests is less than 1 a canary that answers so many."""
        return self if share >= 1 else ModelCanary(**self.model_dump(exclude_unset=True), share=share)

    def check(self, system: System, place: Place) -> None:
        """Only ways of training that the world has, and versions that are there before anything is deployed."""
        world = world_of(system)
        if world is None:
            return
        if self.training is not None and self.training not in world.trainings:
            what, hint = f"no model can be trained by {self.training!r}", nearest(self.training, world.trainings)
            raise ParameterError("training", Problem(what, hint=hint))
        if self.version is not None and self.version > world.model_versions:
            what, expected = "there is no such model version", f"at most {world.model_versions}"
            raise ParameterError("version", Problem(what, seen=str(self.version), expected=expected))

    @classmethod
    def neutral(cls, system: System, place: Place) -> Self | None:
        """The last of the versions that are there from the start."""
        world = world_of(system)
        return cls(version=world.model_versions if world else 1)


class ModelCanary(ModelDeploy, lever="model.canary", on={"model"}, content=True, kept="journalled"):
    """Lets another version answer a share of the requests, the one that is deployed the others.

    The other version is trained, or there from the start, as for `model.deploy`. Which one answers is drawn anew for
    each call.
    """

    share: Annotated[Share, Field(examples=[0.1])]

    @classmethod
    def neutral(cls, system: System, place: Place) -> Self | None:
        """No other version."""
        return None


class ModelUnload(LeverValue, lever="model.unload", on={"model"}, content=True, kept="journalled"):
    """Serves no version."""
