"""Levers of jobs: whether and when their runs start."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.injection.levers.record import LeverValue, Seconds

__all__ = ["FeedDelay", "FeedFreeze"]


class FeedFreeze(LeverValue, lever="feed.freeze", on={"job"}, kept="leased"):
    """Keeps the job from running."""


class FeedDelay(LeverValue, lever="feed.delay", on={"job"}, kept="leased"):
    """Makes each run start so many scenario seconds later, and later still by `growth` for each hour it is held."""

    seconds: Annotated[Seconds, Field(examples=[30.0])]
    growth: Seconds = 0.0
