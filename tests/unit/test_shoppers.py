"""The load draws its requests as it goes: the same as the simulator's, and no more of them than it needs."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from lab.agreed.run import Run
from lab.clock import NS
from lab.streams import Streams
from lab.systems.files import load_system
from lab.systems.topology import World
from lab.worlds.shop.browsing import Pages
from lab.worlds.shop.showing import Answers, Showing
from lab.worlds.shop.visits import Visits
from services.load.people import AHEAD
from services.shop.load.shoppers import Crowd
from services.shop.past import shoppers_of
from tests.shop_plane import FakePlane, OpenStream

SEED = 11
HOURS_S = 6 * 3600.0


def crowd(duration_s: float) -> Crowd:
    run = Run(seed=7, start_unix_s=0.0, duration_s=duration_s, warmup_s=0.0, stages=((duration_s, 50.0),))
    return Crowd(shoppers_of(run, World(name="shop", seed=SEED)), run, load_system("recommender").load_wobble_ratio)


def test_shoppers_come_as_in_the_simulator() -> None:
    plane = FakePlane(seed=7, duration_s=60)
    run = Run(seed=7, start_unix_s=0.0, duration_s=60.0, warmup_s=60.0, stages=((60.0, 50.0),))
    people = Crowd(shoppers_of(run, World(name="shop", seed=SEED)), run, 0.0)
    [_, stream] = people.base()
    visits = list(stream.visits(0, 1))
    assert len(visits) > 2 * AHEAD
    simulated = OpenStream("load", 2, stream.key)
    times_ns = np.rint((stream.times_s + 60.0) * NS).astype(np.int64)
    users = plane.world.arrive(simulated, 0, times_ns).keys[:, 0]
    assert [visit.user_id for visit in visits] == users.tolist()
    numbers, ruled = np.arange(len(users)), np.ones(len(users), np.int64)
    answers = Answers(simulated, numbers, numbers, times_ns, times_ns, users, np.full(len(users), 2), ruled)
    world = plane.world
    pages = Showing(world.catalog, Streams(7), 60 * NS).pages(
        answers, world.table.seen, world.model.versions, world.missions
    )
    shown = np.concatenate([page.item for page in pages])
    clicked = np.concatenate([page.clicked for page in pages])
    for visit, items, clicks in zip(visits, shown.tolist(), clicked, strict=True):
        assert set(items) <= set(visit.candidates())
        assert [click.position - 1 for click in visit.clicks(items)] == np.flatnonzero(clicks).tolist()


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_the_requests(workers: int) -> None:
    times_s = sorted(visit.time_s for n in range(workers) for visit in crowd(20.0).base()[0].visits(n, workers))
    [stream] = crowd(20.0).base()
    assert times_s == stream.times_s.tolist()
    for at_s in (0.0, 7.5, 30.0):
        due = sum(stream.due_count(n, workers, at_s) for n in range(workers))
        assert due == sum(time_s <= at_s for time_s in times_s)


def test_a_load_of_hours_draws_no_more_than_it_is_about_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    users = Visits.users
    monkeypatch.setattr(
        Visits, "users", lambda self, key, numbers: drawn.append(len(numbers)) or users(self, key, numbers)
    )
    [stream] = crowd(HOURS_S).base()
    assert len(stream.times_s) > 1_000_000
    assert len(list(islice(stream.visits(0, 1), AHEAD + 1))) == AHEAD + 1
    assert drawn == [AHEAD, AHEAD]


def test_fewer_shoppers_visit_where_the_world_says_so() -> None:
    run = Run(seed=7, start_unix_s=0.0, duration_s=20.0, warmup_s=0.0, stages=((20.0, 50.0),), time_scale=2.0)
    shoppers = shoppers_of(run, World(name="shop", seed=SEED, settings={"visitors": 300}))
    assert np.count_nonzero(shoppers.catalog.activity) == 150


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_what_is_looked_at_beside_requests_as_in_the_simulator(workers: int) -> None:
    people = [crowd(60.0) for _ in range(workers)]
    parts = [
        event
        for n, one in enumerate(people)
        for until_s in (0.4, 13.0, 60.0)
        for event in one.browsed(n, workers, until_s)
    ]
    shoppers = people[0].shoppers
    pages = Pages(shoppers.catalog, shoppers.missions, shoppers.streams, people[0].run.first_s)
    pages.skip(0.0)
    expected = [page for part in pages.until(60.0) for page in zip(*(column.tolist() for column in part), strict=True)]
    assert len(expected) > 5000
    told = [(event.user_id, event.category, event.log_price_eur) for event in parts]
    assert sorted(told) == sorted(page[1:] for page in expected)
    times_s = sorted(event.occurred_at.timestamp() for event in parts)
    assert np.abs(np.array(times_s) - np.array([page[0] for page in expected])).max() < 1e-5
