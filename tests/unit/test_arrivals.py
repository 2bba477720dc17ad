"""Arrivals of a load: Poisson, by chunks that do not depend on each other."""

from __future__ import annotations

import numpy as np
import pytest

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
