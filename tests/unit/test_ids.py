"""Ids of traces and spans: of the names of what they stand for, never of the order in which it came."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.draws import stream_key
from lab.recording.ids import Ids, hex_array, parent_words, ranked, request_number, span_words
from lab.recording.sides import CLIENT_FINAL, SERVER, make_sides
from lab.streams import Streams

LOAD, SURGE = (stream_key(Streams(1), name) for name in ("load", "surge/5"))
words = st.lists(st.integers(0, 2**64 - 1), max_size=20)


def test_ids_follow_from_the_stream_and_not_from_the_order_of_opening() -> None:
    number = 12
    alone = Ids([LOAD]).trace_words(np.array([number]))
    second = Ids([SURGE, LOAD]).trace_words(np.array([request_number(1, number)]))
    assert alone.tolist() == second.tolist()
    assert alone.tolist() != Ids([SURGE]).trace_words(np.array([number])).tolist()


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
    server_above, client_below, _ = span_words(sides).tolist()
    _, parent_of_client, parent_of_server = parent_words(sides).tolist()
    assert parent_of_client == server_above
    assert parent_of_server == client_below
