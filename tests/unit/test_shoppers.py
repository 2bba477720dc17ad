"""The load draws its requests as it goes: the same as the simulator's, and no more of them than it needs."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from lab.agreed.run import Run
from lab.streams import Streams
from lab.systems.files import load_system
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.requests import Draws, ShopRequests
from services.common.past import shoppers_of
from services.load.shoppers import AHEAD, Crowd

SEED = 11
HOURS_S = 6 * 3600.0


def crowd(duration_s: float) -> Crowd:
    run = Run(seed=7, start_unix_s=0.0, duration_s=duration_s, warmup_s=0.0, stages=((duration_s, 50.0),))
    return Crowd(shoppers_of(run, SEED), run, load_system("recommender").load_wobble_ratio)


def test_draws_do_not_depend_on_how_many_are_taken_at_a_time() -> None:
    catalog = make_catalog(SEED)
    at_once = Draws("load", catalog, Streams(7)).take(12)
    drawn = Draws("load", catalog, Streams(7))
    parts = [drawn.take(n) for n in (1, 6, 0, 5)]
    for name, values in at_once.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), values), name


def test_shoppers_come_as_in_the_simulator() -> None:
    people = crowd(60.0)
    [stream] = people.base()
    visits = list(stream.visits(0, 1))
    assert len(visits) > 2 * AHEAD
    times_ns = np.rint(stream.times_s * 1e9).astype(np.int64).tolist()
    whole = ShopRequests("load", times_ns, people.shoppers.catalog, people.shoppers.streams, clicks=True)
    assert [visit.user_id for visit in visits] == whole.users_list
    offered = people.candidates(whole.candidate_draws, whole.times_ns)
    assert [visit.candidates() for visit in visits[-3:]] == offered[-3:].tolist()


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_the_requests(workers: int) -> None:
    times_s = sorted(visit.time_s for n in range(workers) for visit in crowd(20.0).base()[0].visits(n, workers))
    [stream] = crowd(20.0).base()
    assert times_s == stream.times_s.tolist()
    for at_s in (0.0, 7.5, 30.0):
        due = sum(stream.due_count(n, workers, at_s) for n in range(workers))
        assert due == sum(time_s <= at_s for time_s in times_s)


def test_a_load_of_hours_draws_no_more_than_it_is_about_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    take = Draws.take
    monkeypatch.setattr(Draws, "take", lambda self, n: taken.append(n) or take(self, n))
    [stream] = crowd(HOURS_S).base()
    assert len(stream.times_s) > 1_000_000
    assert len(list(islice(stream.visits(0, 1), AHEAD + 1))) == AHEAD + 1
    assert taken == [AHEAD, AHEAD]
