"""Metrics by parts: what is counted block by block is what is counted at once, and follows the definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clock import NS
from lab.recording.metrics import MetricsBuilder, interval_edges_ns
from lab.recording.observed import arrow_table
from lab.recording.sides import CLIENT_FINAL, SERVER, Sides, make_sides
from lab.recording.status import MISS, OK
from lab.systems.calls import CallGraph
from tests.recorded_runs import CHAIN, GRAPH, made_up, system

pytestmark = pytest.mark.usefixtures("records_world")

END_NS = 120 * NS
EDGES_NS = interval_edges_ns(CHAIN, 0, END_NS)


def counted(*parts: Sides, graph: CallGraph = GRAPH) -> pa.Table:
    builder = MetricsBuilder(graph, interval_edges_ns(graph.system, 0, END_NS))
    for part in parts:
        builder.add(part)
    return arrow_table("metrics", builder.columns(END_NS))


@given(st.integers(0, 1000), st.sets(st.integers(1, 118), max_size=7), st.sampled_from([5, 30, 120]))
@settings(max_examples=20)
def test_parts_count_like_the_whole_wherever_they_end(seed: int, ends: set[int], interval_s: int) -> None:
    sides = made_up(seed, 0, 2_000)
    second = sides["end_ns"] // NS
    parts = [sides[(second >= a) & (second < b)] for a, b in pairwise([-(10**6), *sorted(ends), 10**6])]
    shuffled = [np.random.default_rng(seed).permutation(part) for part in parts]
    graph = CallGraph(system(scrape_interval_s=interval_s))
    assert counted(*shuffled, graph=graph).equals(counted(sides, graph=graph))


def test_a_look_at_an_interval_that_goes_on_changes_nothing() -> None:
    sides = made_up(1, 0, 2_000)
    early = sides["end_ns"] < 52 * NS  # within an interval
    looked = MetricsBuilder(GRAPH, EDGES_NS)
    looked.add(sides[early])
    branch = looked.branch()
    branch.columns(52 * NS)
    looked.columns(52 * NS)
    for builder in (looked, branch):
        builder.add(sides[~early])
        assert arrow_table("metrics", builder.columns(END_NS)).equals(counted(sides))


def test_sides_of_an_interval_that_is_over_are_refused() -> None:
    builder = MetricsBuilder(GRAPH, EDGES_NS)
    builder.add(make_sides(1, end_ns=12 * NS, edge=0))
    with pytest.raises(ValueError, match="interval 1 were added after some of 2"):
        builder.add(make_sides(1, end_ns=8 * NS, edge=0))


durations = st.lists(st.integers(0, 2 * NS), min_size=1, max_size=30)


@given(durations)
def test_percentiles_are_the_nearest_rank_from_above(lengths: list[int]) -> None:
    ends = np.full(len(lengths), 12 * NS)
    sides = make_sides(
        len(lengths), start_ns=ends - np.array(lengths), end_ns=ends, edge=0, side=CLIENT_FINAL, status=OK
    )
    found = {
        row["metric"]: row["value"]
        for row in counted(sides).to_pylist()[::-1]
        if row["time_s"] == 15.0 and row["peer.service"] == "front"
    }
    ordered = sorted(lengths)
    assert found["client.request.duration.p50"] == ordered[-(-len(ordered) // 2) - 1] / NS
    assert found["client.request.duration.p95"] == ordered[-(-len(ordered) * 19 // 20) - 1] / NS
    assert abs(found["client.request.duration.mean"] - sum(lengths) / len(lengths) / NS) < 1e-12


def test_a_side_counts_for_the_interval_that_begins_when_it_ends() -> None:
    sides = make_sides(2, end_ns=[5 * NS - 1, 5 * NS], edge=0, side=SERVER, status=[OK, MISS + 1])
    rows = [row for row in counted(sides).to_pylist() if row["service.name"] == "front" and row["time_s"] <= 10]
    found = {(row["metric"], row["time_s"]): row["value"] for row in rows if row["metric"].startswith("server.")}
    assert (found["server.request.count", 5.0], found["server.request.count", 10.0]) == (1.0, 1.0)
    assert (found["server.error.count", 5.0], found["server.error.count", 10.0]) == (0.0, 1.0)
