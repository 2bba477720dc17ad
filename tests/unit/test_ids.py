"""Ids of traces and spans: of the names of what they stand for, never of the order in which it came, and one-way."""

from __future__ import annotations

import _imp
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import draws
from lab.draws import stream_key
from lab.recording import ids as ids_module
from lab.recording.ids import Ids, hex_array, parent_keys, ranked, request_number, span_keys, trace_ids
from lab.recording.sampling import is_chosen
from lab.recording.sides import CLIENT_FINAL, SERVER, Sides, make_sides
from lab.recording.siphash import siphash
from lab.streams import Streams

LOAD, SURGE = (stream_key(Streams(1), name) for name in ("load", "surge/5"))
words = st.lists(st.integers(0, 2**64 - 1), max_size=20)
SEED = Streams(1)


def test_ids_follow_from_the_stream_and_not_from_the_order_of_opening() -> None:
    number = 12
    alone = Ids([LOAD], SEED).trace_words(np.array([number]))
    second = Ids([SURGE, LOAD], SEED).trace_words(np.array([request_number(1, number)]))
    assert alone.tolist() == second.tolist()
    assert alone.tolist() != Ids([SURGE], SEED).trace_words(np.array([number])).tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.integers(50, 80), st.integers(0, 2**40 - 1))), max_size=40))
def test_requests_of_several_streams_are_ranked_as_sorting_does(named: list[tuple[int, int]]) -> None:
    requests = np.array([request_number(stream, n) for stream, n in named], np.int64)
    distinct, codes = ranked(requests)
    assert distinct.tolist() == sorted(set(requests.tolist()))
    assert distinct[codes].tolist() == requests.tolist()


@given(words)
def test_ids_are_written_as_hex_digits(found: list[int]) -> None:
    null = np.arange(len(found)) % 3 == 1
    written = hex_array(np.array(found, np.uint64), null).to_pylist()
    assert written == [None if i % 3 == 1 else f"{word:016x}" for i, word in enumerate(found)]
    pairs = np.array(found, np.uint64).reshape(-1, 1).repeat(2, axis=1)
    assert hex_array(pairs).to_pylist() == [f"{word:016x}" * 2 for word in found]


def test_a_servers_parent_is_its_client_and_a_clients_parent_the_server_that_called() -> None:
    above, below = 17, 23
    sides = make_sides(3, key=[above, below, below], parent=[1, above, above], side=[SERVER, CLIENT_FINAL, SERVER])
    ids = Ids([LOAD], SEED)
    server_above, client_below, _ = ids.span_words(sides).tolist()
    _, parent_of_client, parent_of_server = ids.parent_words(sides).tolist()
    assert parent_of_client == server_above
    assert parent_of_server == client_below
    assert span_keys(sides).tolist()[:2] == parent_keys(sides).tolist()[1:]


def test_the_dictionary_of_trace_ids_has_them_as_they_come() -> None:
    """Ordered by number, all of a decoy's surge would come after all others."""
    base, surge = request_number(0, 0), request_number(1, 0)
    requests = np.array([base + 1, surge, base, surge, base + 2, surge + 1, base])
    ids = Ids([LOAD, SURGE], SEED)
    found, plain = trace_ids(ids, requests), hex_array(ids.trace_words(requests))
    assert found.to_pylist() == plain.to_pylist()
    assert found.dictionary.to_pylist() == pa.array(plain).unique().to_pylist()
    assert len(trace_ids(ids, requests[:0])) == 0


# The hash.


def python_siphash(word: int, key: int = 0, *, seed: int | None = None) -> int:
    """CPython's own SipHash-1-3: that of source files, under a key of 64 bits, or of bytes, under a seed's 128."""
    message = word.to_bytes(8, "little")
    if seed is None:
        return int.from_bytes(_imp.source_hash(key - 2**64 if key >> 63 else key, message), "little")
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    words = [sys.executable, "-c", f"print(hash({message!r}))"]
    return int(subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout) % 2**64


@given(words, st.integers(0, 2**64 - 1))
def test_the_hash_is_siphash(numbers: list[int], key: int) -> None:
    found = siphash(np.array(numbers, np.uint64), key).tolist()
    assert found == [python_siphash(number, key) for number in numbers]


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes texts with something else")
def test_the_hash_takes_all_128_bits_of_its_key() -> None:
    state, key = 20, bytearray()
    for _ in range(16):  # CPython's lcg_urandom
        state = (state * 214013 + 2531011) % 2**32
        key.append(state >> 16 & 0xFF)
    number = 0x0123_4567_89AB_CDEF
    expected = python_siphash(number, seed=20)
    assert siphash(np.array([number], np.uint64), int.from_bytes(key, "little")).tolist() == [expected]


def test_many_numbers_are_hashed_as_one_is() -> None:
    """Blocks are hashed one after the other."""
    numbers = np.random.default_rng(1).integers(0, 2**64, 20_000, np.uint64)
    hashed = siphash(numbers, 7)
    some = [0, 1, 8191, 8192, 16_383, 16_384, 19_999]
    assert hashed[some].tolist() == [python_siphash(number, 7) for number in numbers[some].tolist()]
    assert len(np.unique(hashed)) == len(numbers)


# What somebody with a recording and the lab's code would try.


def unmixed(words: np.ndarray) -> np.ndarray:
    """What `lab.draws.mixed` makes these words of: it is a bijection, and this undoes it."""

    def unshifted(word: np.ndarray, bits: int) -> np.ndarray:
        found = word
        for _ in range(64 // bits + 1):
            found = word ^ (found >> np.uint64(bits))
        return found

    for bits, factor in ((31, draws._MULTIPLIER_2), (27, draws._MULTIPLIER_1)):
        words = unshifted(words, bits) * np.uint64(pow(factor, -1, 1 << 64))
    return unshifted(words, 30)


CONSTANTS = [0, *(int(getattr(ids_module, name)) for name in ("_TRACE_HIGH", "_TRACE_LOW", "_CLIENT", "_SERVER"))]


def calls(count: int) -> Sides:
    """The server sides of as many requests of the load, of which each has the request's own key."""
    numbers = np.arange(count)
    return make_sides(count, request=numbers, key=draws.request_keys(LOAD, numbers), side=[SERVER] * count)


def undone(found: np.ndarray) -> np.ndarray:
    """All that undoing up to three hashes, with the constants of the kinds between them, makes of ids."""
    level, reached = [found], [found]
    for _ in range(3):
        level = [unmixed(word ^ np.uint64(constant)) for word in level for constant in CONSTANTS]
        reached += level
    return np.stack([word ^ np.uint64(constant) for word in reached for constant in CONSTANTS])


def test_undoing_the_hash_of_draws_gives_what_was_hashed() -> None:
    """So that the attacks below would work where they could."""
    keys = draws.request_keys(LOAD, np.arange(50))
    assert (unmixed(draws.mixed(keys)) == keys).all()
    assert np.isin(keys, undone(draws.mixed(keys ^ np.uint64(CONSTANTS[-1])))).all()
    assert np.isin(np.uint64(LOAD), undone(draws.mixed(draws.mixed(np.array([LOAD], np.uint64)))))


def test_no_key_follows_from_ids() -> None:
    """A key gives all draws of its call: how long it works, on which link it is lost."""
    sides, ids = calls(50), Ids([LOAD], SEED)
    traces = ids.trace_words(sides["request"])
    for seen in (ids.span_words(sides), ids.parent_words(sides), traces[:, 0], traces[:, 1]):
        assert not np.isin(sides["key"], undone(seen)).any()


def test_no_stream_shows_in_ids() -> None:
    """Undone to their numbers, requests of one stream would lie side by side, and those of a surge elsewhere."""
    requests = np.array([request_number(stream, n) for stream in (0, 1) for n in range(50)])
    for half in Ids([LOAD, SURGE], SEED).trace_words(requests).T:
        for numbers in undone(half) * np.uint64(pow(draws.GOLDEN, -1, 1 << 64)):
            assert len(np.unique(numbers >> np.uint64(20))) > 90


def test_ids_of_another_seed_are_others_for_the_same_keys() -> None:
    sides = calls(50)
    one, other = (Ids([LOAD], Streams(seed)).span_words(sides) for seed in (1, 2))
    assert not np.isin(one, other).any()


def test_chosen_traces_are_a_fair_share_of_each_stream() -> None:
    """Head sampling looks at the trace id alone."""
    for stream in (0, 1):
        requests = np.arange(20_000) + request_number(stream, 0)
        kept = is_chosen(Ids([LOAD, SURGE], SEED), requests, 0.1).sum()
        assert abs(kept - 2000) < 5 * np.sqrt(20_000 * 0.1 * 0.9)
