"""What a calendar of real runs says was not as before: little where nothing happened, and faults when they began."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab.investigation.acting import played
from lab.scenario import load_scenario
from lab.signals import compute_signals
from lab.signals.periods import calendar_of
from lab.signals.periods.differences import LASTING
from lab.signals.periods.shapes import Difference
from lab.testbeds.installed import choose

pytestmark = pytest.mark.slow

SEEDS = range(40, 46)


def lasting(scenario: str, seed: int) -> Sequence[Difference]:
    """What the calendar of a run lists first, in the order in which it began."""
    observed = played(load_scenario(scenario), seed, (), choose()).observed
    found = calendar_of(observed, compute_signals(observed))
    assert found is not None
    return [one for one in found.differences if one.often >= LASTING]


def test_where_nothing_happened_hardly_anything_was_not_as_before() -> None:
    told = [[one.subject for one in lasting("segmentation/control-quiet", seed)] for seed in SEEDS]
    assert max(map(len, told)) <= 1, told
    assert sum(map(len, told)) <= len(SEEDS) / 2, told


@pytest.mark.parametrize(
    ("scenario", "subject", "first"),
    [
        ("segmentation/features-kept", "features", 11),
        ("segmentation/orders-late", "orders_daily", 16),
        ("segmentation/extract-stalled", "extract", 18),
        ("segmentation/leaked-columns", "offline_accuracy", 19),
    ],
)
def test_the_first_that_lasted_is_the_fault_in_the_period_in_which_it_began(
    scenario: str, subject: str, first: int
) -> None:
    for seed in SEEDS[:2]:
        one, *_ = lasting(scenario, seed)
        assert (one.subject, one.first) == (subject, first)
