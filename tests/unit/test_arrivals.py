"""Arrivals of a load: Poisson, by chunks that do not depend on each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clock import NS
from lab.scenario.arrivals import CHUNK_S, Arrivals
from lab.scenario.model import Stage
from lab.streams import Streams


def arrivals(*stages: tuple[float, float], start_s: float = 0.0, wobble: float = 0.0, seed: int = 1) -> Arrivals:
    plan = [Stage.model_construct(for_s=for_s, rate_per_s=rate) for for_s, rate in stages]
    return Arrivals(plan, start_s, wobble, Streams(seed), "load")


def test_they_are_ordered_and_within_the_load() -> None:
    times = arrivals((200.5, 20.0), start_s=30.0).times_ns()
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 30 * NS
    assert times[-1] < 230.5 * NS


@pytest.mark.parametrize("length_s", [10.0, 64.0, 100.3, 150.0])
def test_a_longer_load_begins_with_the_same_arrivals(length_s: float) -> None:
    shorter, longer = arrivals((length_s, 20.0), wobble=0.1).times_ns(), arrivals((300.0, 20.0), wobble=0.1).times_ns()
    np.testing.assert_array_equal(shorter, longer[longer < length_s * NS])


def test_a_chunk_is_the_same_without_those_before() -> None:
    load = arrivals((300.0, 20.0), wobble=0.1)
    fourth = load.chunk(3)
    times = load.times_ns()
    np.testing.assert_array_equal(fourth, times[(times >= 3 * CHUNK_S * NS) & (times < 4 * CHUNK_S * NS)])


def test_counts_are_poisson_and_gaps_exponential() -> None:
    times = arrivals((20_000.0, 10.0)).times_ns()
    counts = np.bincount(times // NS, minlength=20_000)
    assert counts.mean() == pytest.approx(10, rel=0.01)
    assert counts.var() == pytest.approx(10, rel=0.05)
    gaps_s = np.diff(times) / NS
    assert gaps_s.std() == pytest.approx(0.1, rel=0.02)
    assert (gaps_s > 0.3).mean() == pytest.approx(np.exp(-3), rel=0.05)


def test_each_stage_has_its_rate() -> None:
    times = arrivals((500.0, 10.0), (500.0, 40.0)).times_ns()
    assert (times < 500 * NS).sum() == pytest.approx(5_000, rel=0.05)
    assert (times >= 500 * NS).sum() == pytest.approx(20_000, rel=0.05)


def test_the_wobble_is_the_relative_deviation_of_the_rate() -> None:
    found = []
    for seed in range(20):
        times = arrivals((4_000.0, 200.0), wobble=0.2, seed=seed).times_ns()
        per_s = np.bincount(times // NS, minlength=4_000)
        found.append((per_s.var() - per_s.mean()) / per_s.mean() ** 2)
    assert np.sqrt(np.mean(found)) == pytest.approx(0.2, rel=0.1)


def counts_by_stage(stages: list[tuple[float, float]], seed: int) -> list[int]:
    ends_ns = [round(math.fsum(for_s for for_s, _ in stages[: i + 1]) * NS) for i in range(len(stages))]
    times = arrivals(*stages, seed=seed).times_ns()
    assert not len(times) or (times[0] >= 0 and times[-1] <= ends_ns[-1])
    return [int(count) for count in np.diff(np.searchsorted(times, ends_ns, side="right"), prepend=0)]


SOME_STAGES = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 70), st.integers(1, 20_000).map(lambda ms: ms / 1000)),
        st.sampled_from([0.0, 1.0, 30.0, 1000.0]),
    ),
    min_size=1,
    max_size=6,
)


@given(SOME_STAGES, st.integers(0, 10))
def test_each_stage_has_as_many_arrivals_as_its_rate_times_its_length(
    stages: list[tuple[float, float]], seed: int
) -> None:
    for (for_s, rate), count in zip(stages, counts_by_stage(stages, seed), strict=True):
        expected = for_s * rate
        # Seven standard deviations of a Poisson count, and of a small one what is as rare.
        assert abs(count - expected) <= 7 * math.sqrt(expected) + (12 if expected else 0)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([(0.5, 1000.0), (30.0, 1.0)], [500, 30]),
        ([(0.5, 0.0), (30.0, 100.0)], [0, 3000]),
        ([(10.2, 10.0), (0.6, 1000.0), (19.2, 10.0)], [102, 600, 192]),
        ([(0.2, 50.0), (0.05, 4000.0), (0.25, 0.0), (0.1, 1000.0), (1.9, 20.0)], [10, 200, 0, 100, 38]),
        ([(63.9, 5.0), (0.2, 3000.0), (10.9, 5.0)], [319.5, 600, 54.5]),
    ],
)
def test_stages_that_end_within_a_second_have_their_mean_number(
    stages: list[tuple[float, float]], expected: list[float]
) -> None:
    found = np.mean([counts_by_stage(stages, seed) for seed in range(200)], axis=0)
    np.testing.assert_allclose(found, expected, atol=5 * math.sqrt(max(expected) / 200), rtol=0)
    np.testing.assert_array_equal(found == 0, np.array(expected) == 0)


def test_a_stage_that_ends_within_a_second_leaves_the_arrivals_before_that_second() -> None:
    whole, split = arrivals((100.0, 20.0)).times_ns(), arrivals((50.5, 20.0), (49.5, 200.0)).times_ns()
    np.testing.assert_array_equal(split[split < 50 * NS], whole[whole < 50 * NS])


def test_a_stage_may_be_written_as_several() -> None:
    """Whole seconds in one stage or in many: the bits are the same."""
    once, often = arrivals((90.0, 20.0), wobble=0.1), arrivals((30.0, 20.0), (1.0, 20.0), (59.0, 20.0), wobble=0.1)
    np.testing.assert_array_equal(once.times_ns(), often.times_ns())
