"""What happens to nightly segments besides what happens to any system: to its jobs' settings, and to the market."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated

from pydantic import Field

from lab.contracts import Boundary
from lab.errors import ParameterError, Problem, UserError
from lab.files.units import PositiveDuration, PositiveRatio
from lab.injection.faults import decoy, fault
from lab.injection.levers import Announce, ComponentSlow, ConfigSet, Testbed
from lab.systems.topology import MAX_RETRIES, Name
from lab.worlds.batch.market import (
    CAMPAIGNS,
    CUSTOMERS,
    MarketHoliday,
    MarketOpen,
    MarketResponse,
    PopulationGrowth,
)
from lab.worlds.batch.vocabulary import FIRST_LIST, SEGMENT_LISTS

Country = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
Times = Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)]
NIGHT_S = 86_400.0
HARDLY = 1.02
"""How much longer a component of a harmless release takes: nobody notices."""


def _doing(testbed: Testbed, operation: str) -> str:
    """The component that does an operation of the world; UserError in systems in which none does."""
    system = testbed.system
    if operation not in system.performers:
        what, expected = f"nobody does {operation!r} in system {system.name!r}", "a system of the world 'batch'"
        raise UserError(Problem(what, expected=expected))
    return system.performers[operation]


def _released(testbed: Testbed, component: str, **settings: float) -> Iterator[None]:
    """Settings come and go with a release; one wording for harmless and harmful ones alike, and for the rollback."""
    announcement = Announce(kind="deploy", summary=f"Release of {component}")
    testbed.act(component, announcement)
    with ExitStack() as held:
        for key, value in settings.items():
            held.enter_context(testbed.pull(f"{component}/settings.{key}", ConfigSet(value=value)))
        yield
    testbed.act(component, announcement)


@fault("duplicated-rows", boundary=Boundary.INTEGRATION, target="job", witnesses=(), recovery_s=NIGHT_S)
def duplicated_rows(testbed: Testbed, job: str, *, step: Name, timeout: PositiveDuration) -> Iterator[None]:
    """A release of the job appends what it writes, and tries again sooner and more often.

    `step` is the one that writes. It gives up after `timeout` and tries again, but what it gave up on is written all
    the same: those rows are there twice. The longer the `timeout`, the fewer nights have them (mild: a third longer
    than a write takes).
    """
    with (
        testbed.pull(f"{job}/steps.{step}.timeout_s", ConfigSet(value=timeout)),
        testbed.pull(f"{job}/steps.{step}.retries", ConfigSet(value=MAX_RETRIES)),
    ):
        yield from _released(testbed, job, write_mode=1)


@fault("default-for-new-country", boundary=Boundary.SERVICE, target="job", witnesses=(), recovery_s=NIGHT_S)
def default_for_new_country(testbed: Testbed, job: str, *, country: Country = "cz") -> Iterator[None]:
    """The job has no rate for the money of a country and takes amounts from there as if they were euros.

    In `pl` there are always people. `cz` and `hu` go with `new-source`, which opens the country: until then nobody is
    there, and it shows in nothing.
    """
    with testbed.pull(f"{job}/settings.rate_{country}", ConfigSet(value=1.0)):
        yield


@decoy("new-source", target="database")
def new_source(
    testbed: Testbed, database: str, *, country: Country = "cz", share: PositiveRatio = 0.15
) -> Iterator[None]:
    """A shop opens in a further country: rows come from there that did not come before.

    `share`: as many people sign up within a fortnight, of all customers.
    """
    customers = _doing(testbed, CUSTOMERS)
    testbed.act(customers, Announce(kind="market", summary=f"Shop opened in {country.upper()}"))
    with testbed.pull(customers, MarketOpen(country=country, share=share)):
        yield


@fault("wrong-segment-list", boundary=Boundary.INTEGRATION, target="job", witnesses=(), recovery_s=NIGHT_S)
def wrong_segment_list(
    testbed: Testbed, job: str, *, segment_list: Annotated[int, Field(ge=1, le=len(SEGMENT_LISTS))] = 2
) -> Iterator[None]:
    """A release of the job names classes by another list of segments than the model's version was trained for.

    Every score is right, and has the wrong name. `segment_list` 2 is in order of the alphabet, which gives three
    segments the name of another; 3 swaps two names (mild). The list that the job has is none: by it nothing is wrong.
    """
    if segment_list == testbed.system.components[job].settings.get("segment_list", FIRST_LIST):
        what, expected = f"{job!r} has this list already, so nothing would change", "another list"
        raise ParameterError("segment_list", Problem(what, seen=str(segment_list), expected=expected))
    yield from _released(testbed, job, segment_list=segment_list)


@fault("campaign-filter", boundary=Boundary.SERVICE, target="service", witnesses=(), recovery_s=NIGHT_S)
def campaign_filter(
    testbed: Testbed, campaigns: str, *, ordered_within: Annotated[int, Field(ge=1, le=90)] = 21
) -> Iterator[None]:
    """A release of the campaign tool leaves out whoever has not ordered within so many days."""
    yield from _released(testbed, campaigns, max_recency_days=ordered_within)


@fault("day-counted-twice", boundary=Boundary.SERVICE, target="job", witnesses=(), recovery_s=NIGHT_S)
def day_counted_twice(testbed: Testbed, job: str) -> Iterator[None]:
    """A release of the job tells days by local time, in which a day ends at three in the morning.

    All is well until clocks are put back: then the job runs before the day has ended, takes the one before once more,
    and is a day late from then on.
    """
    yield from _released(testbed, job, local_day=1)


@decoy("release", target="service|job")
def release(testbed: Testbed, component: str) -> Iterator[None]:
    """A release of a component with which it takes a little longer, so little that nobody notices."""
    with testbed.pull(component, ComponentSlow(factor=HARDLY)):
        yield from _released(testbed, component)


@decoy("holiday", target="database")
def holiday(testbed: Testbed, database: str, *, factor: Times = 0.4) -> Iterator[None]:
    """People order and look at `factor` times as much as on other days."""
    with testbed.pull(_doing(testbed, CUSTOMERS), MarketHoliday(factor=factor)):
        yield


@decoy("sign-up-wave", target="database")
def sign_up_wave(testbed: Testbed, database: str, *, factor: Times = 3.0) -> Iterator[None]:
    """`factor` times as many people sign up as on other days."""
    customers = _doing(testbed, CUSTOMERS)
    testbed.act(customers, Announce(kind="market", summary="Sign-up bonus started"))
    with testbed.pull(customers, PopulationGrowth(factor=factor)):
        yield


@decoy("campaign-flop", target="service")
def campaign_flop(testbed: Testbed, campaigns: str, *, campaign: Name, factor: Times = 0.3) -> Iterator[None]:
    """`factor` times as many people respond to a campaign as to others of its kind: a rival has a better offer."""
    with testbed.pull(_doing(testbed, CAMPAIGNS), MarketResponse(campaign=campaign, factor=factor)):
        yield
