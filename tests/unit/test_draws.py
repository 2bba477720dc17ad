"""Draws by key: one number at a time and as arrays, with the same bits; uniform, and independent of one another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import draws
from lab.compiled import MASK, high32, low32, signed, unsigned
from lab.streams import Streams

WORD = st.integers(0, MASK)


@given(WORD)
def test_a_word_is_the_same_signed_and_unsigned(word):
    assert unsigned(signed(word)) == word
    assert -(1 << 63) <= signed(word) < 1 << 63
    assert (high32(word) << 32) + low32(word) == word


def test_mix_is_the_finalizer_of_splitmix64():
    """The first outputs of splitmix64 from state 1234567, as published with its reference source."""
    state, found = 1234567, []
    for _ in range(5):
        state = (state + draws.GOLDEN) & MASK
        found.append(draws.mix(state))
    assert found == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


@given(WORD, st.lists(st.integers(0, 1 << 40), min_size=1, max_size=9), st.integers(0, 20))
def test_arrays_hold_the_same_bits_as_numbers(stream, numbers, purpose):
    of = np.array(numbers, np.int64)
    keys = draws.request_keys(stream, of)
    assert keys.tolist() == [draws.request_key(stream, n) for n in numbers]
    assert draws.words(keys, purpose).tolist() == [draws.word(int(key), purpose) for key in keys]
    assert draws.uniforms(stream, of, purpose, 3).tolist() == [
        [draws.uniform(stream, n, purpose, lane) for lane in range(3)] for n in numbers
    ]


def test_other_streams_requests_purposes_lanes_and_attempts_draw_otherwise():
    first = draws.uniform(1, 2, 3, 4)
    assert len({first, draws.uniform(0, 2, 3, 4), draws.uniform(1, 1, 3, 4), draws.uniform(1, 2, 4, 4),
                draws.uniform(1, 2, 3, 5)}) == 5  # fmt: skip
    calls = {draws.call_key(draws.mix(c), draws.mix(~e & MASK), a) for c in range(9) for e in range(9) for a in (0, 1)}
    assert len(calls) == 9 * 9 * 2
    assert draws.call_key(5, 7, 0) != draws.call_key(5, 7, 1) != draws.call_key(5, 8, 1)


def test_uniform_numbers_are_uniform_in_every_lane_and_between_lanes():
    drawn = draws.uniforms(draws.stream_key(Streams(3), "load"), np.arange(50_000), 2, 4)
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    for lane in drawn.T:
        counts = np.bincount((lane * 64).astype(int), minlength=64)
        assert ((counts - 50_000 / 64) ** 2 / (50_000 / 64)).sum() < 63 + 5 * math.sqrt(2 * 63)
    between = np.corrcoef(drawn.T)[np.triu_indices(4, 1)]
    assert np.abs(between).max() < 5 / math.sqrt(50_000)
    after = np.corrcoef(drawn[1:, 0], drawn[:-1, 0])[0, 1]
    assert abs(after) < 5 / math.sqrt(50_000)


def test_normals_and_exponentials_have_their_moments():
    uniform = draws.uniforms(77, np.arange(100_000), 0, 2)
    normal = draws.normals(uniform)
    assert normal.shape == uniform.shape
    assert abs(normal.mean()) < 5 / math.sqrt(normal.size)
    assert abs((normal**2).mean() - 1) < 5 * math.sqrt(2 / normal.size)
    assert abs((normal**4).mean() - 3) < 5 * math.sqrt(96 / normal.size)
    assert abs(np.corrcoef(normal.T)[0, 1]) < 5 / math.sqrt(len(normal))
    exponential = draws.exponentials(uniform, 6.0)
    assert abs(exponential.mean() - 6.0) < 5 * 6.0 / math.sqrt(uniform.size)
    assert exponential.min() >= 0


@pytest.mark.parametrize(("share", "of_2_32"), [(0.0, 0), (1.0, 1 << 32), (0.25, 1 << 30), (2.0, 1 << 32), (-1.0, 0)])
def test_a_threshold_is_a_share_of_all_32_bit_numbers(share, of_2_32):
    assert draws.threshold(share) == of_2_32
