"""What an incident costs: amounts of a recording beyond those of the same time without it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lab.recording.costs import Amount, amounts, incurred
from lab.recording.observed import Observed
from lab.registration.costs import CORE_COSTS, Cost

FAILED = CORE_COSTS[0]
CLICKS = Cost(name="clicks", unit="1", doc="clicks", of="a:b", bad="falls")
SYSTEM = {
    "world": None,
    "users": "people",
    "entry": "front",
    "scrape_interval_s": 5.0,
    "duration_s": 15.0,
    "components": {"people": {"kind": "users", "period_s": 0.0}, "front": {"kind": "service", "period_s": 0.0}},
}


def amount(cost: Cost, values: list[float], first_s: float = 5.0) -> Amount:
    return Amount(cost, first_s + 5.0 * np.arange(len(values)), np.array(values))


def observed(**metrics: list[float]) -> Observed:
    rows = [
        {
            "time_s": 5.0 * i,
            "service.name": "people",
            "peer.service": "front",
            "metric": f"client.{name}",
            "value": value,
        }
        for name, values in metrics.items()
        for i, value in enumerate(values, 1)
    ]
    return Observed(SYSTEM, {"metrics": pa.Table.from_pylist(rows)}, [], [])


def test_the_costs_of_every_system_are_failed_requests_and_the_time_that_people_waited() -> None:
    recorded = observed(**{
        "request.count": [10.0, 0.0, 20.0], "error.count": [1.0, 0.0, 4.0], "request.duration.mean": [0.5, np.nan, 2.0],
    })  # fmt: skip
    assert {one.cost.name: one.values.sum() for one in amounts(recorded)} == {
        "failed_requests": 5.0,
        "waiting_time": 45.0,
    }


def test_an_incident_costs_what_there_is_beyond_the_same_time_without_it() -> None:
    assert incurred(amount(FAILED, [1, 9, 9]), amount(FAILED, [1, 1, 2])) == 15
    assert incurred(amount(FAILED, [1, 9, 9]), amount(FAILED, [1, 1, 2]), until_s=10) == 8


def test_of_what_people_want_the_cost_is_what_is_missing() -> None:
    assert incurred(amount(CLICKS, [5, 2]), amount(CLICKS, [5, 6])) == 4


def test_an_interval_that_only_one_of_the_two_has_counts_in_neither() -> None:
    assert incurred(amount(FAILED, [9, 9]), amount(FAILED, [1, 1], first_s=10.0)) == 8


@pytest.mark.parametrize("cost", CORE_COSTS, ids=lambda cost: cost.name)
def test_each_cost_says_what_it_means(cost: Cost) -> None:
    assert cost.doc
    assert cost.unit
