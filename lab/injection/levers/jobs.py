"""Levers of jobs: whether and when their runs start, and whether what they write changes anything."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.errors import ParameterError, Problem
from lab.injection.levers.record import ActValue, LeverValue, Place, Seconds, Share
from lab.systems.topology import System
from lab.systems.worlds import world_of

__all__ = ["FeedDelay", "FeedFreeze", "JobBackfill", "JobKeepOutput"]


class FeedFreeze(LeverValue, lever="feed.freeze", on={"job"}, kept="leased"):
    """Keeps the job from running."""


class FeedDelay(LeverValue, lever="feed.delay", on={"job"}, kept="leased"):
    """Makes each run start so many scenario seconds later, and later still by `growth` for each hour it is held."""

    seconds: Annotated[Seconds, Field(examples=[30.0])]
    growth: Seconds = 0.0


class JobKeepOutput(LeverValue, lever="job.keep-output", on={"job"}, content=True, kept="journalled"):
    """Lets runs of the job end well while a share of the rows that they write stays as it was."""

    fraction: Share = 1.0

    @classmethod
    def check_part(cls, system: System, place: Place) -> None:
        """Only jobs that write datasets, where the world says which do."""
        world = world_of(system)
        writing = {dataset.of for dataset in world.datasets.values()} if world else set()
        jobs = [name for name, one in system.components.items() if writing & {step.operation for step in one.steps}]
        if writing and place.element not in jobs:
            what, expected = f"{place.element!r} writes no dataset", f"one of {', '.join(jobs)}"
            raise ParameterError("place", Problem(what, seen=place.element, expected=expected))


class JobBackfill(ActValue, act="job.backfill", on={"job"}, content=True):
    """Does the job's work of past periods once more, on what is there now.

    What other jobs made of it meanwhile stays as it is, until they run again.
    """
