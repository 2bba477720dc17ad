"""Assembling a recording as the author of a new driver does: sides and samples in, every table out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.clock import NS
from lab.draws import stream_key
from lab.recording.assembly import Measured, assemble
from lab.recording.blocks import BlockRecorder
from lab.recording.collected import call_sides, span_columns
from lab.recording.entries import ChangeEntry
from lab.recording.ids import Ids, request_number
from lab.recording.observed import Observed
from lab.recording.sides import CLIENT, CLIENT_FINAL, SERVER, make_sides
from lab.recording.status import OK, TIMEOUT
from lab.streams import Streams
from lab.systems.calls import CallGraph
from lab.systems.files import load_system
from lab.systems.topology import System

SYSTEM = load_system(str(Path(__file__).parents[1] / "systems" / "chain.system.yaml"))
GRAPH = CallGraph(SYSTEM)
MS = NS // 1000
DURATION_S = 60


def edge(caller: str, step: str) -> int:
    found = GRAPH.edge(caller, step)
    assert found is not None
    return found.index


def side(
    request: int, start_ns: int, end_ns: int, edge: int, status: int, kind: int, key: int, **more: int
) -> np.ndarray:
    return make_sides(
        1, request=request, start_ns=start_ns, end_ns=end_ns, edge=edge, status=status, side=kind, key=key, **more
    )


@pytest.fixture(scope="module")
def sides() -> np.ndarray:
    """One request a second; that of second 30 loses its call to `orders` once, and tries again."""
    visit, get = edge("people", "visit"), edge("front", "orders_get")
    rows = []
    for second in range(DURATION_S - 1):
        request, start = request_number(0, second), second * NS
        root, first, again = 10 * second + 1, 10 * second + 2, 10 * second + 3
        rows += [
            side(request, start, start + 40 * MS, visit, OK, CLIENT_FINAL, root),
            side(request, start + 5 * MS, start + 35 * MS, visit, OK, SERVER, root),
        ]
        tried, attempt = first, 0
        if second == 30:
            rows.append(side(request, start + 6 * MS, start + 20 * MS, get, TIMEOUT, CLIENT, first, parent=root))
            tried, attempt = again, 1
        below = {"parent": root, "attempt": attempt}
        rows += [
            side(request, start + 22 * MS, start + 32 * MS, get, OK, CLIENT_FINAL, tried, **below),
            side(request, start + 24 * MS, start + 30 * MS, get, OK, SERVER, tried, **below),
        ]
    return np.concatenate(rows)


def recorder(system: System = SYSTEM, streams: Streams | None = None) -> BlockRecorder:
    ids = Ids([stream_key(Streams(1), "load")], Streams(1))
    return BlockRecorder(system, 0, DURATION_S * NS, ids, lost_scrapes=streams)


@pytest.fixture(scope="module")
def observed(sides: np.ndarray) -> Observed:
    made = recorder()
    made.take(sides)
    made.sample([(n * 5 * NS, "front", "process.cpu.utilization", "", 0.25) for n in range(1, 13)])
    changes: list[ChangeEntry] = [
        {"time_s": 10.0, "service.name": "front", "kind": "deploy", "summary": "new release"},
        {"time_s": 99.0, "service.name": "front", "kind": "deploy", "summary": "after the end"},
    ]
    return made.observed(DURATION_S * NS, changes=changes)


def metric(observed: Observed, component: str, name: str) -> pd.Series:
    frame = observed.frame("metrics")
    mine = frame[(frame["service.name"] == component) & (frame["metric"] == name)]
    return mine.set_index("time_s")["value"]


def test_metrics_follow_from_sides_by_their_definitions(observed: Observed) -> None:
    assert metric(observed, "front", "server.request.count").tolist() == [5.0] * 11 + [4.0]
    assert metric(observed, "front", "client.timeout.count").sum() == 1
    assert metric(observed, "front", "client.retry.count").loc[35.0] == 1
    assert metric(observed, "front", "server.request.duration.p50").dropna().round(3).unique().tolist() == [0.03]
    assert metric(observed, "front", "process.cpu.utilization").unique().tolist() == [0.25]


def test_spans_of_a_request_are_one_tree(observed: Observed) -> None:
    spans = observed.frame("spans")
    assert spans["trace_id"].nunique() == DURATION_S - 1
    below = spans[spans["parent_span_id"].notna()]
    assert set(below["parent_span_id"]) <= set(spans["span_id"])
    assert set(spans.loc[spans["parent_span_id"].isna(), "service.name"]) == {"people"}


def test_a_failed_attempt_is_a_log_line(observed: Observed) -> None:
    (line,) = observed.frame("logs").itertuples()
    assert line.body == "orders_get: call to orders failed: timeout (attempt 1); retrying"
    assert line.subject == "orders"


def test_only_changes_within_the_run_are_recorded(observed: Observed) -> None:
    assert [change["summary"] for change in observed.changes] == ["new release"]


def test_no_scrape_is_lost_unless_asked_for(sides: np.ndarray) -> None:
    lossy = SYSTEM.model_copy(update={"missing_sample_ratio": 0.5})
    whole, some = recorder(lossy), recorder(lossy, Streams(1))
    for made in (whole, some):
        made.take(sides)
    assert len(metric(whole.observed(DURATION_S * NS), "front", "server.request.count")) == 12
    assert 0 < len(metric(some.observed(DURATION_S * NS), "front", "server.request.count")) < 12


class Clock:
    """Scenario second 0 at Unix second 1000, in real time."""

    duration_s = 60.0

    def scenario_s(self, unix_s: float) -> float:
        return unix_s - 1000.0


def test_spans_of_real_telemetry_give_the_same_metrics(sides: np.ndarray, observed: Observed) -> None:
    """The spans of the recording above, as a collector would have received them."""
    spans = observed.frame("spans")
    start_ns = ((spans["time_s"] + 1000.0) * NS).round().astype(np.int64)
    collected = pd.DataFrame(
        {
            "service": spans["service.name"].astype(str), "peer": spans["peer.service"].astype(str),
            "kind": spans["span.kind"].astype(str), "name": spans["span.name"].astype(str),
            "status": spans["status"].astype(str), "attempt": spans["attempt"],
            "trace_id": spans["trace_id"].astype(str), "span_id": spans["span_id"],
            "parent_span_id": spans["parent_span_id"].fillna(""),
            "start_ns": start_ns, "end_ns": start_ns + (spans["duration_s"] * NS).round().astype(np.int64),
        }
    )  # fmt: skip
    clock = Clock()
    no_lines = {name: observed.frame("logs")[name][:0] for name in observed.tables["logs"].column_names}
    called = call_sides(collected, GRAPH, clock)
    measured = Measured(SYSTEM, 0, DURATION_S * NS, called, span_columns(collected, clock), no_lines)
    again = assemble(measured)
    for name in ("client.request.count", "client.retry.count", "client.timeout.count", "server.request.count"):
        pd.testing.assert_series_equal(metric(again, "front", name), metric(observed, "front", name))
    samples = [(5 * NS, "orders", "server.request.count", "", 77.0)]
    reported = assemble(replace(measured, samples=samples, sampled_servers=frozenset({"orders"})))
    assert metric(reported, "orders", "server.request.count").tolist() == [77.0], "servers that report sums themselves"
    assert metric(reported, "front", "server.request.count").sum() == DURATION_S - 1
