"""Named random streams: a name's numbers follow from the seed and the name, and from nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.streams import Streams, lognormal_parameters

KNOWN = [0.88920212734, 0.067071179227, 0.005556225168]
NAMES = st.lists(
    st.one_of(st.text(alphabet="abc->:_", min_size=1, max_size=8), st.integers(0, 99)), min_size=1, max_size=4
)


def test_the_same_name_always_starts_the_same_sequence() -> None:
    streams = Streams(7)
    first = streams.generator("load", "service", 3).random(5).tolist()
    streams.generator("load", "arrivals").random(1000)
    assert streams.generator("load", "service", 3).random(5).tolist() == first
    assert Streams(7).generator("load", "service", 3).random(5).tolist() == first


def test_numbers_of_a_stream_are_known_for_good() -> None:
    """Recordings of old seeds are to be had again: a change here changes every recording and must be meant."""
    drawn = Streams(7).generator("load", "arrivals").random(3)
    assert [round(float(value), 12) for value in drawn] == KNOWN


@given(st.integers(0, 2**63), st.integers(0, 2**63), NAMES, NAMES)
def test_another_seed_or_name_has_another_key(seed: int, other_seed: int, name: list[str], other: list[str]) -> None:
    same = (seed, [str(part) for part in name]) == (other_seed, [str(part) for part in other])
    assert (Streams(seed).key(*name) == Streams(other_seed).key(*other)) == same


def test_a_longer_draw_begins_like_a_shorter_one() -> None:
    for kind in ("random", "standard_normal"):
        short, long = (getattr(Streams(1).generator("x"), kind)(size) for size in (10, 1000))
        assert short.tolist() == long[:10].tolist()


def test_two_streams_are_not_correlated() -> None:
    one, other = (Streams(1).generator("load", "service", hop).standard_normal(20_000) for hop in ("a", "b"))
    assert abs(float(np.corrcoef(one, other)[0, 1])) < 0.03


@given(st.floats(1e-4, 10), st.floats(0.05, 2))
def test_a_lognormal_has_the_mean_and_variation_asked_for(mean: float, cv: float) -> None:
    mu, sigma = lognormal_parameters(mean, cv)
    assert np.isclose(np.exp(mu + sigma**2 / 2), mean)
    assert np.isclose(np.sqrt(np.expm1(sigma**2)), cv)


def test_without_variation_a_lognormal_is_its_mean() -> None:
    mu, sigma = lognormal_parameters(0.004, 0.0)
    assert sigma == 0
    assert np.isclose(np.exp(mu), 0.004)
