"""A whole run with shoppers, from arrivals to the recording's tables and the signals computed from them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab.agreed.cache import CachePolicy
from lab.agreed.run import Run
from lab.recording.observed import Observed
from lab.recording.schema import schema_of
from lab.systems.files import load_system
from lab.testbeds.stack.assemble import assemble
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.stack import STACK
from lab.worlds.shop.training import train
from tests.services.plane import bench, recorded, servers

pytestmark = pytest.mark.slow
DURATION_S, SCALE = 90.0, 10.0


@pytest.fixture(scope="module")
def observed(stack: bench.Stack) -> Observed:
    """A recording: a partition between features and database in its middle third."""
    bench.start_load(stack)
    return recorded.undisturbed(lambda: record(stack), "features->db", (0.0, 30.0), (70.0, 90.0))


def record(stack: bench.Stack) -> Observed:
    import redis

    with redis.Redis(port=stack.cache_port, password=servers.PASSWORD) as client:
        client.function_load(CachePolicy(25, SCALE).library(), replace=True)
    run = Run(
        seed=7, start_unix_s=time.time() + 10, duration_s=DURATION_S, warmup_s=30.0, stages=((DURATION_S, 40.0),),
        time_scale=SCALE,
    )  # fmt: skip
    for name in ("feed", "collector", "load"):
        status, answer = stack.control("POST", name, "/runs", run.to_json())
        assert status == 200, answer
    time.sleep(run.unix_s(30.0) - time.time())
    with stack.fault("features->db", "cut", direction="both", fraction=1.0):
        stack.control("POST", "load", "/surges", {"kind": "surge", "rate_per_s": 20, "at_s": 30.0})
        time.sleep(run.unix_s(60.0) - time.time())
    stack.control("POST", "load", "/surges", {"kind": "surge", "rate_per_s": None, "at_s": 60.0})
    time.sleep(run.unix_s(DURATION_S) - time.time() + 0.5)
    stack.control("DELETE", "load", "/runs")
    models = [train(make_catalog(11), 11, 1, {})]
    system = load_system("recommender")
    return recorded.whole(stack, lambda raw: assemble(raw, run, system, STACK, versions=models, changes=[]))


def test_tables_have_their_documented_columns(observed: Observed) -> None:
    for name, spec in schema_of("shop").tables.items():
        table = observed.tables[name]
        assert table.num_rows > 0
        for column in spec.columns:
            if "*" in column.name:
                assert any(found.startswith(column.name[:-1]) for found in table.schema.names)
            elif column.otherwise is None or column.name in table.schema.names:
                assert column.null or table[column.name].null_count == 0, (name, column.name)
    assert set(observed.frame("metrics")["metric"]) <= {*schema_of("shop").metrics}
    times_s = observed.frame("metrics")["time_s"]
    assert set(times_s % 5.0) == {0.0}
    assert times_s.max() == DURATION_S


def test_the_partition_shows_in_the_signals(observed: Observed) -> None:
    levels = recorded.Levels(observed)
    assert levels.least("client_timeout_ratio", "features->db", 0, 30) < 0.1
    assert levels.least("client_timeout_ratio", "features->db", 35, 60) > 0.95
    assert levels.least("client_timeout_ratio", "features->db", 70, 90) < 0.1
    assert levels.mean("fallback_ratio", "features.default_features", 35, 60) > 0.2
    assert levels.least("client_error_ratio", "features->model", 35, 60) < 0.05
    assert 0.3 < levels.mean("cache_hit_ratio", "cache", 0, 30) < 0.8
    assert levels.mean("rescore_error", "model", 0, 30) < 1e-5
    assert levels.mean("request_rate_per_s", "features", 35, 60) > 1.2 * levels.mean(
        "request_rate_per_s", "features", 0, 30
    )
    assert 0 < levels.least("row_age_mean_s", "db", 0, 30) < 15


def test_spans_of_one_request_are_one_tree(observed: Observed) -> None:
    spans = observed.frame("spans")
    roots = spans[spans["parent_span_id"].isna()]
    assert set(roots["service.name"]) == {"shoppers", "feed"}
    assert recorded.share_of_known_parents(observed) > 0.99
    assert set(spans["service.name"]) == {"shoppers", "features", "model", "feed"}


def test_clicks_are_labels_of_closed_windows(observed: Observed) -> None:
    pages = observed.frame("predictions")
    is_open = pages["time_s"] > DURATION_S - 30.0
    assert pages.loc[is_open, "outcome"].isna().all()
    assert pages.loc[~is_open, "outcome"].notna().all()
    assert 0.03 < pages["outcome"].mean() < 0.25
    assert set(pages["position"]) == {1, 2, 3, 4, 5}
    assert "127.0.0.1" not in str(observed.tables["logs"].to_pydict())


def test_clicks_come_back_as_events(stack: Any, observed: Observed) -> None:
    assert stack.db.run("SELECT count(*) FROM events WHERE kind = 'click'")[0][0] > 10
