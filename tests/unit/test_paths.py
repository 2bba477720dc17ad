"""Paths name a call within its request: every call of a request its own, and each leads back to its parent."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.recording import paths
from lab.recording.ids import Ids, request_number
from lab.streams import Streams

EDGES = 9
DEPTH = 4
# A call from the root down: at each level the attempt and then the edge taken from there on.
CHAINS = st.lists(
    st.tuples(st.integers(0, paths.ATTEMPTS_MAX - 1), st.integers(0, EDGES - 1)), min_size=1, max_size=DEPTH
)


def path_of(chain: list[tuple[int, int]]) -> tuple[int, int]:
    """(path, edge) of the last call of a chain, as the request engine makes them."""
    base, path, edge = 0, 0, -1
    for attempt, edge in chain:
        path = base * paths.ATTEMPTS_MAX + attempt
        base = path * EDGES + edge + 1
    return path, edge


@given(CHAINS)
def test_a_path_leads_back_to_its_parent_and_its_attempt(chain: list[tuple[int, int]]) -> None:
    path, _ = path_of(chain)
    parent_path, parent_edge = paths.parent(np.array([path]), EDGES)
    assert paths.attempt(np.array([path]))[0] == chain[-1][0]
    assert (int(parent_path[0]), int(parent_edge[0])) == (path_of(chain[:-1]) if len(chain) > 1 else (0, -1))


@given(CHAINS, CHAINS)
def test_two_calls_of_a_request_never_share_a_path_and_an_edge(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    assert (path_of(one) == path_of(other)) == (one == other)


@given(st.lists(CHAINS, min_size=2, max_size=30, unique_by=str))
def test_span_ids_differ_by_path_edge_and_side(chains: list[list[tuple[int, int]]]) -> None:
    ids = Ids(["load"], Streams(1))
    found = np.array([path_of(chain) for chain in chains])
    requests = np.zeros(len(found), np.int64)
    keys = [ids.span_key(requests, found[:, 0], found[:, 1], side) for side in (0, 2)]
    assert len(set(np.concatenate(keys).tolist())) == 2 * len(chains)


def test_ids_follow_from_the_streams_name_and_not_from_the_order_of_opening() -> None:
    streams = Streams(1)
    alone = Ids(["load"], streams)
    second = Ids(["surge/5", "load"], streams)
    number = 12
    assert (
        alone.trace_array(np.array([number])).to_pylist()
        == second.trace_array(np.array([request_number(1, number)])).to_pylist()
    )


def test_a_line_about_no_request_has_no_trace() -> None:
    ids = Ids(["load"], Streams(1))
    none, some = ids.trace_array(np.array([-1, 3])).to_pylist()
    assert none is None
    assert len(some) == 32
    assert set(some) <= set("0123456789abcdef")
