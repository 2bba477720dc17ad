"""Signals of pools, from metrics written here: who waits for a connection or a thread, how long, and who gets none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.recording.observed import Observed, arrow_table
from lab.signals import compute_signals
from tests import signals_by_pandas
from tests.simulated import THREADS, observe, scenario

CALLS, CAME = "client.request.count", "server.request.count"
IN_USE, NONE = "client.connection.count", "client.connection.timeout.count"
GOT, WAITED = "client.connection.wait_time.count", "client.connection.wait_time.mean"
NOTHING = np.nan
Rows = Mapping[tuple[str, str, str, str], Sequence[float]]
"""Values by interval of (component, metric, peer, attribute); NaN where there is no sample."""


def recorded(rows: Rows) -> Observed:
    """Two scrape intervals of `shop->desk->db`, whatever its pools are."""
    parts = {name: {"kind": "service", "workers": 4, "steps": []} for name in ("desk", "db")}
    system = {
        "name": "small", "world": None, "scrape_interval_s": 5.0, "duration_s": 10.0, "observability": "usual",
        "users": "shop", "entry": "desk", "slos": [], "links": {"shop->desk": {}, "desk->db": {"pool": {"size": 6}}},
        "components": {"shop": {"kind": "users"}, **parts},
    }  # fmt: skip
    found = [
        {"time_s": 5.0 * (i + 1), "service.name": name, "metric": metric, "peer.service": peer or None,
         "attribute": attribute or None, "value": value}
        for (name, metric, peer, attribute), values in rows.items()
        for i, value in enumerate(values)
        if not np.isnan(value)
    ]  # fmt: skip
    frame = pd.DataFrame(found)
    return Observed(system, {"metrics": arrow_table("metrics", {name: frame[name] for name in frame})}, [], [], {})


def values(rows: Rows, signal: str, subject: str) -> list[float]:
    series = compute_signals(recorded(rows)).get(signal, subject)
    assert series is not None
    return [float(value) for value in series.values]


def test_a_components_pools_to_another_count_together_each_by_how_often_it_was_used() -> None:
    rows: Rows = {
        ("desk", IN_USE, "db", ""): [2, 3], ("desk", IN_USE, "db", "ask"): [1, 0],
        ("desk", GOT, "db", ""): [30, 40], ("desk", GOT, "db", "ask"): [10, 0],
        ("desk", WAITED, "db", ""): [0.002, 0.004], ("desk", WAITED, "db", "ask"): [0.010, NOTHING],
        ("desk", NONE, "db", ""): [0, 10], ("desk", NONE, "db", "ask"): [0, 0],
    }  # fmt: skip
    assert values(rows, "connections_in_use", "desk.db") == [3, 3]
    assert values(rows, "connection_wait_mean_s", "desk.db") == pytest.approx([0.004, 0.004])
    assert values(rows, "connection_exhausted_ratio", "desk.db") == pytest.approx([0, 0.2])


def test_where_nobody_asked_for_a_connection_nothing_is_known_of_the_wait() -> None:
    rows: Rows = {
        ("desk", IN_USE, "db", ""): [0, 1], ("desk", GOT, "db", ""): [0, 5], ("desk", NONE, "db", ""): [0, 0],
        ("desk", WAITED, "db", ""): [NOTHING, 0.001],
    }  # fmt: skip
    assert values(rows, "connection_wait_mean_s", "desk.db") == pytest.approx([NOTHING, 0.001], nan_ok=True)
    assert values(rows, "connection_exhausted_ratio", "desk.db") == pytest.approx([NOTHING, 0.0], nan_ok=True)


def test_who_got_no_connection_was_not_sent_and_who_was_turned_away_at_the_queue_did_arrive() -> None:
    rows: Rows = {
        ("desk", CALLS, "db", ""): [100, 100], ("desk", NONE, "db", ""): [0, 60],
        ("db", CAME, "", ""): [100, 30], ("db", "server.queue.shed.count", "", ""): [0, 10],
    }  # fmt: skip
    assert values(rows, "arrival_ratio", "db") == [1.0, 1.0]
    assert values(dict(list(rows.items())[:3]), "arrival_ratio", "db") == [1.0, 0.75]


def test_of_threads_are_told_how_many_are_in_use_who_waits_and_who_is_turned_away() -> None:
    rows: Rows = {
        ("db", "server.worker.count", "", ""): [2, 4], ("db", "server.queue.length", "", ""): [0, 7],
        ("db", "server.queue.shed.count", "", ""): [0, 25], (*("db", CAME), "", ""): [80, 75],
        ("db", "server.queue.wait_time.mean", "", ""): [0.0, 0.25],
    }  # fmt: skip
    assert values(rows, "workers_in_use", "db") == [2, 4]
    assert values(rows, "queue_length", "db") == [0, 7]
    assert values(rows, "queue_wait_mean_s", "db") == [0.0, 0.25]
    assert values(rows, "queue_shed_ratio", "db") == [0.0, 0.25]


def test_it_is_told_who_waits_although_not_all_that_there_should_be_are_in_use() -> None:
    rows: Rows = {
        ("db", "server.worker.count", "", ""): [2, 4], ("db", "server.queue.length", "", ""): [3, 3],
        ("desk", IN_USE, "db", ""): [1, 1], ("desk", "client.connection.pending_requests", "db", ""): [0, 5],
    }  # fmt: skip
    assert values(rows, "worker_starved_ratio", "db") == [1.0, 0.0]  # it has four
    assert values(rows, "connection_starved_ratio", "desk.db") == [0.0, 1.0]


def test_it_is_told_when_all_that_there_should_be_are_in_use() -> None:
    rows: Rows = {
        ("db", "server.worker.count", "", ""): [2, 4], ("db", "server.queue.length", "", ""): [3, 0],
        ("desk", IN_USE, "db", ""): [6, 1], ("desk", "client.connection.pending_requests", "db", ""): [0, 5],
    }  # fmt: skip
    assert values(rows, "worker_saturated_ratio", "db") == [0.0, 1.0]  # it has four
    assert values(rows, "connection_saturated_ratio", "desk.db") == [1.0, 0.0]


def test_a_scrape_that_failed_leaves_a_gap() -> None:
    rows: Rows = {
        ("desk", IN_USE, "db", ""): [NOTHING, 1], ("desk", GOT, "db", ""): [NOTHING, 5],
        ("desk", NONE, "db", ""): [NOTHING, 0], ("desk", CALLS, "db", ""): [NOTHING, 5], ("db", CAME, "", ""): [9, 5],
    }  # fmt: skip
    for signal, subject in (("connections_in_use", "desk.db"), ("connection_exhausted_ratio", "desk.db")):
        assert np.isnan(values(rows, signal, subject)).tolist() == [True, False]
    assert values(rows, "arrival_ratio", "db") == pytest.approx([NOTHING, 1.0], nan_ok=True)


@pytest.mark.parametrize("use", [None, {"pool": "db"}, {"pool": "workers", "size": 2}])
def test_signals_of_a_run_are_those_of_a_second_reading(use: Any, tmp_path: Path) -> None:
    fault = {"type": "pool-shrunk", "target": "orders", "at": "20s", "for": "30s", "with": use}
    faults = [] if use is None else [fault]
    observed = observe(scenario(tmp_path, system=THREADS, duration_s=60, rate_per_s=150, faults=faults))
    mine = {(one.signal, one.subject): one for one in compute_signals(observed)}
    other = {(one.signal, one.subject): one for one in signals_by_pandas.signals(observed)}
    assert mine.keys() == other.keys()
    assert {"connections_in_use", "queue_wait_mean_s"} <= {signal for signal, _ in mine}
    for key, series in mine.items():
        np.testing.assert_allclose(series.values, other[key].values, 1e-12, 1e-12, err_msg=str(key))
