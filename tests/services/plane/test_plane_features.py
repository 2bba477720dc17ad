"""The feature service with its real dependencies: the plan's steps, fallbacks, faults of links, traces."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from services.db.views import users_view_sql

TRACE = "0af7651916cd43dd8448eb211c80319c"


def records(stack: Any, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stack.flush() / f"{kind}.jsonl").read_text().splitlines()]


def test_a_miss_is_read_from_the_database_and_kept(stack: Any) -> None:
    pages = [stack.recommend(11) for _ in range(2)]
    assert [page["features_from"] for _, page in pages] == ["db", "cache"]
    assert pages[0][1]["items"] == pages[1][1]["items"]
    assert len(pages[0][1]["items"]) == 5
    assert pages[0][1]["model_version"] == 1


def test_one_trace_reaches_model_rules_and_statement_log(stack: Any) -> None:
    parent = "b7ad6b7169203331"
    status, _ = stack.recommend(12, {"traceparent": f"00-{TRACE}-{parent}-01"})
    assert status == 200
    assert stack.rules.headers[-1]["traceparent"].split("-")[1] == TRACE
    spans = {span["name"]: span for span in records(stack, "spans") if span["trace_id"] == TRACE}
    assert spans["recommend"]["parent_span_id"] == parent
    steps = {"cache_get", "db_get", "cache_put", "predict", "apply_rules"}
    assert steps <= set(spans)
    assert {spans[step]["parent_span_id"] for step in steps} == {spans["recommend"]["span_id"]}
    [model] = [span for span in spans.values() if span["service"] == "model"]
    assert model["parent_span_id"] == spans["predict"]["span_id"]
    [statement] = [entry for entry in records(stack, "statements") if entry["trace_id"] == TRACE]
    assert statement["span_id"] == spans["db_get"]["span_id"]
    assert 0 < statement["duration_s"] < 0.1
    [row] = [event for event in records(stack, "logs") if event["event"] == "feature_row_served"][-1:]
    assert (row["trace_id"], row["attributes"]["source"], len(row["attributes"]["values"])) == (TRACE, "db", 14)


def test_a_partition_to_the_database_serves_defaults_and_heals(stack: Any) -> None:
    assert stack.recommend(21)[1]["features_from"] == "db"
    with stack.fault("features->db", "cut", direction="both", fraction=1.0):
        started = time.monotonic()
        status, page = stack.recommend(22)
        assert (status, page["features_from"]) == (200, "default")
        # Two attempts of 120 ms and a backoff: giving a connection up must not wait for the server.
        assert time.monotonic() - started < 0.5
    assert stack.recommend(23)[1]["features_from"] == "db"
    failed = [event for event in records(stack, "logs") if event["event"] == "call_failed"][-2:]
    assert [event["body"] for event in failed] == [
        "db_get: call to db failed: timeout (attempt 1); retrying",
        "db_get: call to db failed: timeout (attempt 2); falling back to default_features",
    ]


def test_a_partition_to_the_model_shows_popular_items_and_heals(stack: Any) -> None:
    with stack.fault("features->model", "cut", direction="both", fraction=1.0):
        assert stack.recommend(24)[1]["model_version"] == 0
    until = time.monotonic() + 5
    while stack.recommend(24)[1]["model_version"] == 0:
        assert time.monotonic() < until


def test_a_partition_to_the_cache_costs_only_its_timeouts(stack: Any) -> None:
    with stack.fault("features->cache", "cut", direction="both", fraction=1.0):
        assert stack.recommend(25)[1]["features_from"] == "db"
    assert stack.recommend(25)[1]["features_from"] == "db"
    assert stack.recommend(25)[1]["features_from"] == "cache"


def test_slow_rules_are_left_out(stack: Any) -> None:
    stack.rules.takes_s = 0.3
    try:
        _, page = stack.recommend(26)
    finally:
        stack.rules.takes_s = 0.0
    scores = [item["score"] for item in page["items"]]
    assert scores == sorted(scores, reverse=True)
    assert any("falling back to unfiltered_items" in event["body"] for event in records(stack, "logs"))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("avg_order_value_eur", {"change": "rename", "to": "aov_eur"}),
        ("avg_order_value_eur", {"change": "retype", "to": "text", "fraction": 1.0}),
    ],
)
def test_a_loud_schema_change_fails_requests_until_it_is_undone(stack: Any, column: str, change: Any) -> None:
    stack.db.run(users_view_sql({column: change}))
    try:
        status, answer = stack.recommend(31 if change["change"] == "rename" else 32)
    finally:
        stack.db.run(users_view_sql({}))
    assert status == 500
    assert column in answer["error"] or "could not convert" in answer["error"]
    [violation] = [event for event in records(stack, "logs") if event["event"] == "feature_contract_violation"][-1:]
    assert violation["attributes"]["subject"] == column
    assert stack.recommend(33)[0] == 200


def test_a_silent_schema_change_changes_what_is_served(stack: Any) -> None:
    stack.db.run(users_view_sql({"avg_order_value_eur": {"change": "rescale", "factor": 100.0, "fraction": 1.0}}))
    try:
        assert stack.recommend(34)[0] == 200
    finally:
        stack.db.run(users_view_sql({}))
    [(value,)] = stack.db.run("SELECT avg_order_value_eur FROM users WHERE user_id = 34")
    [row] = [event for event in records(stack, "logs") if event["event"] == "feature_row_served"][-1:]
    assert row["attributes"]["values"][2] == pytest.approx(100 * value)


def test_slow_queries_are_slow_once_a_statement(stack: Any) -> None:
    stack.db.run(users_view_sql({}, slow_s=0.05))
    try:
        started = time.monotonic()
        assert len(stack.db.run("SELECT * FROM users WHERE user_id < 50")) == 50
        assert 0.05 < time.monotonic() - started < 0.5
        assert stack.recommend(35)[1]["features_from"] == "db"
    finally:
        stack.db.run(users_view_sql({}))


def test_a_locked_table_serves_defaults_and_heals(stack: Any) -> None:
    import psycopg

    with psycopg.connect(stack.db.conninfo) as connection:
        connection.execute("LOCK TABLE users_base IN ACCESS EXCLUSIVE MODE")
        assert [stack.recommend(user)[1]["features_from"] for user in range(50, 55)] == ["default"] * 5
        connection.rollback()
    assert stack.recommend(55)[1]["features_from"] == "db"
    # Statements of clients that gave up do not go on waiting.
    time.sleep(0.5)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    assert stack.db.run(waiting) == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        {"change": "null", "fraction": 0.3},
        {"change": "null", "fraction": 1.0},
        {"change": "retype", "to": "integer", "fraction": 0.5},
        {"change": "retype", "to": "text", "fraction": 0.5},
        {"change": "rescale", "factor": 100.0, "fraction": 0.3},
    ],
)
def test_changes_concern_their_share_of_the_rows(stack: Any, change: Any) -> None:
    stack.db.run(users_view_sql({"avg_order_value_eur": change, "loyalty_tier": {"change": "add", "type": "integer"}}))
    try:
        [(share,)] = stack.db.run(
            "SELECT avg((users.avg_order_value_eur::text IS DISTINCT FROM b.avg_order_value_eur::text)::int)::float "
            "FROM users JOIN users_base AS b USING (user_id)"
        )
        assert stack.recommend(60)[0] in (200, 500)
    finally:
        stack.db.run(users_view_sql({}))
    assert share == pytest.approx(change["fraction"], abs=0.05)


def test_configuration_changes_at_once(stack: Any, call: Any) -> None:
    url = stack.url("config", "/config/steps/apply_rules/retries")
    assert call("PUT", url, {"value": 0})[1]["steps"]["apply_rules"]["retries"] == 0
    assert call("PUT", url, {"value": 1})[1]["steps"]["apply_rules"] == {
        "timeout_s": 0.1,
        "retries": 1,
        "backoff_s": 0.01,
    }
    assert call("PUT", url, {"value": 99})[0] == 400
    assert call("PUT", stack.url("config", "/config/steps/nothing/retries"), {"value": 1})[0] == 404


@pytest.mark.parametrize("body", [{}, {"user_id": -1, "candidates": [1]}, {"user_id": 1, "candidates": []}])
def test_bad_requests_are_refused(stack: Any, call: Any, body: Any) -> None:
    assert call("POST", stack.url("features", "/v1/recommend"), body)[0] == 422
