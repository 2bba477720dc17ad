"""Who pays in a run, and what they paid before it, so that features start in equilibrium."""

from __future__ import annotations

from dataclasses import dataclass

from lab.agreed.run import Run
from lab.clock import to_ns
from lab.draws import stream_key
from lab.streams import Streams
from lab.systems.topology import World
from lab.worlds.decisions.feed import Feed
from lab.worlds.decisions.payments import Payers
from lab.worlds.decisions.population import Population, active, make_population
from lab.worlds.decisions.registration import HOUR_S, REPORT_MEDIAN_H


@dataclass(frozen=True)
class Cardholders:
    """Who pays in a run. `hour_s`: scenario seconds of an hour of their lives; `per_hour`: payments that come in it."""

    population: Population
    payers: Payers
    streams: Streams
    hour_s: float
    per_hour: float


def hour_s_of(world: World) -> float:
    """Scenario seconds that an hour of the payers' lives takes."""
    return float(world.settings.get("hour_s", HOUR_S))


def cardholders_of(run: Run, world: World) -> Cardholders:
    """Those of a run; the same draws as the simulator's."""
    streams, hour_s = Streams(run.seed), hour_s_of(world)
    population = active(make_population(world.seed), run.time_scale)
    per_hour = run.stages[0][1] / run.time_scale * hour_s
    median_h = float(world.settings.get("report_median_h", REPORT_MEDIAN_H))
    return Cardholders(population, Payers(population, streams, per_hour, median_h), streams, hour_s, per_hour)


def lived_through(of: Cardholders) -> Feed:
    """What the job knows when the warm-up starts: of the payments before it, and their fraud as far as reported."""
    feed = Feed(of.population, to_ns(of.hour_s), 0)
    feed.live_through(of.payers, stream_key(of.streams, "past"), of.per_hour)
    return feed
