"""The shoppers of a run and what they did before it, so that features start in equilibrium."""

from __future__ import annotations

from dataclasses import dataclass

from lab.agreed.run import Run
from lab.streams import Streams
from lab.systems.topology import World
from lab.worlds.shop.behaviour import InterestAggregate
from lab.worlds.shop.browsing import Browsing
from lab.worlds.shop.catalog import Catalog, active_catalog, active_count, make_catalog
from lab.worlds.shop.missions import Missions
from lab.worlds.shop.registration import SHOPPERS


@dataclass(frozen=True)
class Shoppers:
    """Who shops in a run: the catalog with those active, their missions, the run's random streams."""

    catalog: Catalog
    missions: Missions
    streams: Streams


def shoppers_of(run: Run, world: World) -> Shoppers:
    """Draws the shoppers of a run; the same draws as the simulator's."""
    streams = Streams(run.seed)
    visitors = int(world.settings.get("visitors", SHOPPERS))
    catalog = active_catalog(make_catalog(world.seed), active_count(visitors, run.time_scale))
    return Shoppers(catalog, Missions(catalog, streams, run.first_s), streams)


def lived_through(shoppers: Shoppers, run: Run) -> InterestAggregate:
    """The feed's aggregate after minutes of browsing until the warm-up starts."""
    browsing = Browsing(shoppers.catalog, shoppers.missions, shoppers.streams, run.first_s)
    browsing.count_until(-run.warmup_s)
    return browsing.aggregate
