"""Levers of a component's process: whether it lives, runs, how fast, and with what resources."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from lab.injection.levers.record import PROCESSES, Factor, LeverValue, Seconds

__all__ = ["ComponentLimit", "ComponentPause", "ComponentRestart", "ComponentSlow", "ComponentStop"]


class ComponentStop(LeverValue, lever="component.stop", on=PROCESSES, kept="journalled"):
    """Refuses connections: the process has ended."""


class ComponentPause(LeverValue, lever="component.pause", on=PROCESSES, kept="journalled"):
    """Accepts work and holds it until the process goes on."""


class ComponentRestart(LeverValue, lever="component.restart", on=PROCESSES, kept="journalled"):
    """Ends the process and starts it again: connections break, and what it kept in memory is lost.

    It comes back by itself after `away_s` scenario seconds, in which it refuses connections; a revert before that
    brings it back at once. Nothing can bring back what it kept in memory.
    """

    away_s: Seconds = 2.0


class ComponentSlow(LeverValue, lever="component.slow", on=PROCESSES, kept="leased"):
    """Multiplies the time that the component's own work takes."""

    factor: Annotated[Factor, Field(examples=[3.0])]


class ComponentLimit(LeverValue, lever="component.limit", on=PROCESSES, kept="journalled"):
    """Leaves a share of the component's normal CPU, or so many workers."""

    cpu: Annotated[float | None, Field(ge=0.001, le=1, allow_inf_nan=False, examples=[0.5])] = None
    workers: Annotated[int | None, Field(ge=1, le=10_000)] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.cpu is None and self.workers is None:
            raise ValueError("expected cpu, workers or both")
        return self
