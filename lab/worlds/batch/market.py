"""Records of the market's levers: who comes, what people do, and how they respond. Loads nothing of the world."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.errors import ParameterError, Problem
from lab.injection.levers import LeverValue, Place
from lab.injection.levers.record import Factor, Share
from lab.systems.topology import Name, System

CUSTOMERS, CAMPAIGNS = "read_customers", "send_campaigns"
"""Operations by whose performer the market is changed."""


def _check_performer(system: System, place: Place, operation: str) -> None:
    """ParameterError where another component does the operation, or none."""
    doing = system.performers.get(operation)
    if place.element != doing:
        expected = doing or f"a component that is called for {operation!r}"
        what = f"the market is not changed at {place.element!r}"
        raise ParameterError("place", Problem(what, seen=place.element, expected=expected))


class _OfCustomers:
    """Levers whose only place is where customers are kept."""

    @classmethod
    def check_part(cls, system: System, place: Place) -> None:
        _check_performer(system, place, CUSTOMERS)


class _OfCampaigns:
    """Levers whose only place is what sends campaigns."""

    @classmethod
    def check_part(cls, system: System, place: Place) -> None:
        _check_performer(system, place, CAMPAIGNS)


class MarketOpen(_OfCustomers, LeverValue, lever="market.open", on={"database"}, content=True, kept="journalled"):
    """Lets people of a further country sign up: within a fortnight as many as this share of all customers.

    They stay when the market closes, but nobody signs up any more.
    """

    country: Annotated[str, Field(pattern=r"^[a-z]{2}$", examples=["cz"])]
    share: Annotated[Share, Field(gt=0, le=0.5)] = 0.15


class MarketHoliday(_OfCustomers, LeverValue, lever="market.holiday", on={"database"}, content=True, kept="journalled"):
    """Multiplies what all people order and look at, each day."""

    factor: Annotated[Factor, Field(examples=[0.4])]


class MarketResponse(
    _OfCampaigns, LeverValue, lever="market.response", on={"service"}, content=True, kept="journalled"
):
    """Multiplies how many of those whom a campaign contacts respond, for reasons outside of the system."""

    campaign: Annotated[Name, Field(examples=["bargain"])]
    factor: Annotated[Factor, Field(examples=[0.3])]


class PopulationGrowth(
    _OfCustomers, LeverValue, lever="population.growth", on={"database"}, content=True, kept="journalled"
):
    """Multiplies how many people sign up, each day."""

    factor: Annotated[Factor, Field(examples=[3.0])]
