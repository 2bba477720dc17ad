"""Levers of links: what passes between two components, and when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lab.agreed.links import MAX_BYTES_PER_S, MIN_BYTES_PER_S
from lab.injection.levers.record import LeverValue, Seconds, Share

__all__ = ["LinkCut", "LinkDelay", "LinkDrop", "LinkReset", "LinkThrottle"]

SomeShare = Annotated[Share, Field(examples=[0.5])]


class LinkCut(LeverValue, lever="link.cut", on={"link"}, kept="leased"):
    """Black-holes a share of the requests, the responses or both.

    Established connections get nothing more through, new ones are accepted and never answered. `request`: requests
    do not arrive; `response`: they arrive, and the answers do not.
    """

    direction: Literal["both", "request", "response"] = "both"
    fraction: Share = 1.0


class LinkDelay(LeverValue, lever="link.delay", on={"link"}, kept="leased"):
    """Adds latency to a share of the passages; the jitter is the standard deviation around it."""

    latency_s: Annotated[Seconds, Field(examples=[0.1])]
    jitter_s: Seconds = 0.0
    fraction: Share = 1.0


class LinkDrop(LeverValue, lever="link.drop", on={"link"}, kept="leased"):
    """Makes a share of the passages wait a retransmission timeout; nothing is lost from the stream."""

    fraction: SomeShare


class LinkReset(LeverValue, lever="link.reset", on={"link"}, kept="leased"):
    """Resets a share of the connections."""

    fraction: SomeShare


class LinkThrottle(LeverValue, lever="link.throttle", on={"link"}, kept="leased"):
    """Lets so many bytes per second through."""

    bytes_per_s: Annotated[
        float, Field(ge=MIN_BYTES_PER_S, le=MAX_BYTES_PER_S, allow_inf_nan=False, examples=[50_000.0])
    ]
