"""Metrics by parts: what is counted block by block is what is counted at once, and follows the definitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clock import NS
from lab.recording.metrics import MetricsBuilder, interval_edges_ns
from lab.recording.observed import arrow_table
from lab.recording.sides import CLIENT_FINAL, SERVER, Sides, make_sides
from lab.recording.status import MISS, OK
from tests.recorded_runs import CHAIN, GRAPH, made_up

END_NS = 120 * NS
EDGES_NS = interval_edges_ns(CHAIN, 0, END_NS)


def counted(*parts: Sides) -> pa.Table:
    builder = MetricsBuilder(GRAPH, EDGES_NS)
    for part in parts:
        builder.add(part)
    return arrow_table("metrics", builder.columns(END_NS))


@given(st.integers(0, 1000), st.sets(st.integers(1, 23), max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_parts_that_end_between_intervals_count_like_the_whole(seed: int, ends: set[int], random: object) -> None:
    sides = made_up(seed, 0, 2_000)
    interval = (sides["end_ns"] // (5 * NS)).astype(int)
    parts = [sides[interval < 0], *(sides[mask] for mask in masks(interval, sorted(ends)))]
    random.shuffle(parts)  # type: ignore[attr-defined]
    shuffled = [np.random.default_rng(seed).permutation(part) for part in parts]
    assert counted(*shuffled).equals(counted(sides))


def masks(interval: np.ndarray, ends: list[int]) -> list[np.ndarray]:
    return [(interval >= a) & (interval < b) for a, b in zip([0, *ends], [*ends, 10**6], strict=True)]


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
