"""Paths name a call within its request: every call of a request its own, and each leads back to its parent."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.draws import stream_key
from lab.recording import paths
from lab.recording.ids import Ids
from lab.recording.recorder import Recorder, named
from lab.recording.sides import SERVER
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
def test_calls_of_a_request_have_keys_of_their_own_and_name_the_one_above(chains: list[list[tuple[int, int]]]) -> None:
    found = np.array([path_of(chain) for chain in chains])
    rows = np.zeros(len(found), Recorder().spans().dtype)
    rows["path"], rows["edge"], rows["side"] = found[:, 0], found[:, 1], SERVER
    sides = named(rows, Ids([stream_key(Streams(1), "load")]), EDGES)
    assert len(set(sides["key"].tolist())) == len(chains)
    key_of = {str(chain): key for chain, key in zip(chains, sides["key"].tolist(), strict=True)}
    for chain, parent in zip(chains, sides["parent"].tolist(), strict=True):
        assert key_of.get(str(chain[:-1]), parent) == parent
