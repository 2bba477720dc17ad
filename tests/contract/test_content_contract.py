"""The contract of content for a world of the tests' own with two keys a request, a score and branches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lab.errors import UserError
from lab.injection.dry_run import PlanTestbed
from lab.injection.levers import ConfigSet
from lab.scenario import LoadedScenario
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from lab.world_suite import *  # noqa: F403
from lab.world_suite import whole
from tests.content_contract import DURATION_S, quiet
from tests.distributions import world_installed

SYSTEM = Path(__file__).parents[1] / "systems/market.system.yaml"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedScenario]:
    with world_installed(tmp_path_factory.mktemp("site"), "market", "tests.market:WORLD"):
        yield quiet(tmp_path_factory.mktemp("scenarios"), str(SYSTEM))


@pytest.fixture(scope="module")
def loaded(market: LoadedScenario) -> LoadedScenario:
    return market


def test_the_market_decides_by_what_was_served(market):
    sales = whole(market).frame("sales")
    known = sales[(sales["buyer_epoch"] >= 0) & (sales["seller_epoch"] >= 0)]
    assert len(known) > 700
    seller = known["seller"] * np.where(known["seller_epoch"] % 2 == 0, 100, 200)
    points = known["price"] - known["rebate"] + seller + 10 * known["buyer"] + 7 * known["seller_epoch"]
    recounted = known["value"] - points  # between the seller's row and the score, buyers may get 7 more
    assert set(recounted) <= {0, 7}
    assert (recounted == 0).mean() > 0.98
    assert set(known["seller_epoch"]) > {3, 4, 5}
    assert set(known["buyer_epoch"]) > {3, 4, 5}


def test_the_markets_branches_follow_its_values(market):
    sales = whole(market).frame("sales")
    refused, reviewed = sales["marks"] & 4 > 0, sales["is_reviewed"] == 1
    assert (refused == (sales["value"] > 500)).all()
    assert (reviewed == sales["value"].between(301, 500)).all()
    assert min(refused.sum(), reviewed.sum(), (~refused & ~reviewed).sum()) > 50


def test_a_lever_moves_a_threshold_and_puts_it_back(market):
    bed = SimTestbed(market, 1)
    bed.advance(10)
    bed.write(ConfigSet, "counter/steps.refuse.above", ConfigSet(value=0.0001))
    bed.advance(20)
    assert bed.read(ConfigSet, "counter/steps.refuse.above") == ConfigSet(value=0.0001)
    bed.write(ConfigSet, "counter/steps.refuse.above", None)
    bed.advance(DURATION_S)
    sales = bed.finish().frame("sales")
    for moved, limit in ((sales["time_s"].between(10.2, 19.8), 100), (sales["time_s"].between(20.2, 30), 500)):
        assert ((sales["marks"] & 4 > 0) == (sales["value"] > limit))[moved].all()


@pytest.mark.parametrize("value", [5, -0.1])
def test_a_lever_moves_a_threshold_only_to_where_values_can_be(market, value):
    with (
        pytest.raises(UserError, match="a number, at least 0 and at most 1"),
        PlanTestbed(market.system).pull("counter/steps.refuse.above", ConfigSet(value=value)),
    ):
        pass


def test_a_limit_that_no_value_can_reach_is_refused_where_it_is_written(market, tmp_path):
    path = tmp_path / "market.system.yaml"
    path.write_text(SYSTEM.read_text(encoding="utf-8").replace("above: 0.0005", "above: 5"), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_system(str(path))
    (problem,) = caught.value.problems
    assert problem.what == "bad value for 'above': the score of a sale is never there"
    assert (problem.line, problem.seen, problem.expected) == (24, "5", "a number, at least 0 and at most 1")
