"""The feature service with its real dependencies: the plan's steps, fallbacks, faults of links, traces."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.services.plane.views import users_view_sql
from tests.waiting import eventually, least_s, took_s

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACE_CUT = "1af7651916cd43dd8448eb211c80319c"
FIFTY = "SELECT * FROM users WHERE user_id < 50"


def records(stack: Any, kind: str, is_meant: Callable[[dict[str, Any]], bool], count: int = 1) -> list[dict[str, Any]]:
    """The last `count` records that are meant, once there are so many: telemetry takes its time."""

    def look() -> list[dict[str, Any]] | None:
        lines = (stack.flush() / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
        found = [record for record in map(json.loads, lines) if is_meant(record)]
        return found[-count:] if len(found) >= count else None

    return eventually(look) or []


def traced(trace_id: str) -> dict[str, str]:
    """Headers that make a request part of a trace."""
    return {"traceparent": f"00-{trace_id}-{PARENT}-01"}


def page_from(stack: Any, source: str, user_id: int) -> Any:
    """The page once the user's features come from `source`: the calls have timeouts that a busy machine may exceed."""

    def look() -> Any:
        status, page = stack.recommend(user_id)
        return page if status == 200 and page["features_from"] == source and page["model_version"] else None

    return eventually(look)


def test_a_miss_is_read_from_the_database_and_kept(stack: Any) -> None:
    def the_same_page(user_id: int) -> bool:
        pages = [page_from(stack, source, user_id) for source in ("db", "cache")]
        assert [(len(page["items"]), page["model_version"]) for page in pages] == [(5, 1)] * 2
        return bool(pages[0]["items"] == pages[1]["items"])  # else rules were left out of one, on a busy machine

    users = iter(range(70, 120))
    eventually(lambda: the_same_page(next(users)))


def test_one_trace_reaches_model_rules_and_statement_log(stack: Any) -> None:
    assert stack.recommend(12, traced(TRACE))[0] == 200
    assert stack.rules.headers[-1]["traceparent"].split("-")[1] == TRACE
    steps = ("cache_get", "db_get", "cache_put", "predict", "apply_rules")
    count = len(steps) + 2  # the request itself, and the model's
    spans = {span["name"]: span for span in records(stack, "spans", lambda span: span["trace_id"] == TRACE, count)}
    assert {*steps, "recommend"} <= set(spans)
    assert spans["recommend"]["parent_span_id"] == PARENT
    assert {spans[step]["parent_span_id"] for step in steps} == {spans["recommend"]["span_id"]}
    [model] = [span for span in spans.values() if span["service"] == "model"]
    assert model["parent_span_id"] == spans["predict"]["span_id"]
    [statement] = records(stack, "statements", lambda entry: entry["trace_id"] == TRACE)
    assert statement["span_id"] == spans["db_get"]["span_id"]
    assert 0 < statement["duration_s"] < (spans["db_get"]["end_ns"] - spans["db_get"]["start_ns"]) / 1e9
    [row] = records(stack, "logs", lambda log: log["event"] == "feature_row_served" and log["trace_id"] == TRACE)
    assert (row["attributes"]["source"], len(row["attributes"]["values"])) == ("db", 14)


def test_a_partition_to_the_database_serves_defaults_and_heals(stack: Any) -> None:
    page_from(stack, "db", 21)

    def ask() -> None:
        status, page = stack.recommend(22)
        assert (status, page["features_from"]) == (200, "default")

    with stack.fault("features->db", "cut", direction="both", fraction=1.0):
        # Two attempts of 120 ms and a backoff: giving a connection up must not wait for the server.
        least_s(lambda: took_s(ask), below_s=0.5)
        assert stack.recommend(22, traced(TRACE_CUT))[0] == 200
    page_from(stack, "db", 23)
    # Of one request: others may have met a busy machine.
    of_db = {"event": "call_failed", "trace_id": TRACE_CUT}
    failed = records(stack, "logs", lambda log: of_db.items() <= log.items() and "call to db" in log["body"], count=2)
    assert [event["body"] for event in failed] == [
        "db_get: call to db failed: timeout (attempt 1); retrying",
        "db_get: call to db failed: timeout (attempt 2); falling back to default_features",
    ]


def test_a_partition_to_the_model_shows_popular_items_and_heals(stack: Any) -> None:
    with stack.fault("features->model", "cut", direction="both", fraction=1.0):
        assert stack.recommend(24)[1]["model_version"] == 0
    eventually(lambda: stack.recommend(24)[1]["model_version"] != 0)


def test_a_partition_to_the_cache_costs_only_its_timeouts(stack: Any) -> None:
    with stack.fault("features->cache", "cut", direction="both", fraction=1.0):
        page_from(stack, "db", 25)
    assert stack.recommend(25)[1]["features_from"] != "cache", "the entry could not be kept"
    page_from(stack, "cache", 25)


def test_a_slow_way_to_the_cache_costs_no_connections(stack: Any, redis_client: Any) -> None:
    page_from(stack, "cache", 26)

    def made() -> int:
        return int(redis_client.info("stats")["total_connections_received"])

    def made_by_ten() -> int:
        before = made()
        for _ in range(10):
            assert stack.recommend(26)[0] == 200
        return made() - before

    with stack.fault("features->cache", "delay", latency_s=0.1):  # longer than anybody waits
        made_by_ten()  # as many as are under way at a time
        assert made_by_ten() < 5, "each of them gave up twice"
        page_from(stack, "db", 26)
    page_from(stack, "cache", 26)


def test_slow_rules_are_left_out(stack: Any) -> None:
    stack.rules.takes_s = 0.3
    try:
        _, page = stack.recommend(26)
    finally:
        stack.rules.takes_s = 0.0
    scores = [item["score"] for item in page["items"]]
    assert scores == sorted(scores, reverse=True)
    assert records(stack, "logs", lambda log: "falling back to unfiltered_items" in log["body"])


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("avg_order_value_eur", {"change": "rename", "to": "aov_eur"}),
        ("avg_order_value_eur", {"change": "retype", "to": "text", "fraction": 1.0}),
    ],
)
def test_a_loud_schema_change_fails_requests_until_it_is_undone(stack: Any, column: str, change: Any) -> None:
    trace = secrets.token_hex(16)

    def answered_with_an_error() -> Any:
        status, answer = stack.recommend(31 if change["change"] == "rename" else 32, traced(trace))
        return answer if status == 500 else None  # a lookup that timed out served defaults

    stack.db.run(users_view_sql({column: change}))
    try:
        answer = eventually(answered_with_an_error)
    finally:
        stack.db.run(users_view_sql({}))
    assert column in answer["error"] or "could not convert" in answer["error"]
    [violation] = records(
        stack, "logs", lambda log: log["event"] == "feature_contract_violation" and log["trace_id"] == trace
    )
    assert violation["attributes"]["subject"] == column
    assert stack.recommend(33)[0] == 200


def test_a_silent_schema_change_changes_what_is_served(stack: Any) -> None:
    stack.db.run(users_view_sql({"avg_order_value_eur": {"change": "rescale", "factor": 100.0, "fraction": 1.0}}))
    try:
        page_from(stack, "db", 34)
    finally:
        stack.db.run(users_view_sql({}))
    [(value,)] = stack.db.run("SELECT avg_order_value_eur FROM users WHERE user_id = 34")
    served = {"user_id": 34, "source": "db"}
    [row] = records(stack, "logs", lambda log: served.items() <= log["attributes"].items())
    assert row["attributes"]["values"][2] == pytest.approx(100 * value)


def test_slow_queries_are_slow_once_a_statement(stack: Any) -> None:
    stack.db.run(users_view_sql({}, slow_s=0.05))
    try:
        # A row at a time it would be 50 times as slow.
        assert least_s(lambda: took_s(lambda: stack.db.run(FIFTY)), below_s=0.5) > 0.05
        page_from(stack, "db", 35)
    finally:
        stack.db.run(users_view_sql({}))


def test_a_locked_table_serves_defaults_and_heals(stack: Any) -> None:
    import psycopg

    with psycopg.connect(stack.db.conninfo) as connection:
        connection.execute("LOCK TABLE users_base IN ACCESS EXCLUSIVE MODE")
        assert [stack.recommend(user)[1]["features_from"] for user in range(50, 55)] == ["default"] * 5
        connection.rollback()
    page_from(stack, "db", 55)
    # Statements of clients that gave up do not go on waiting.
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    eventually(lambda: stack.db.run(waiting) == [(0,)])


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


def test_configuration_changes_at_once(stack: Any) -> None:
    path = "/config/steps/apply_rules/retries"
    assert stack.control("PUT", "config", path, {"value": 0})[1]["steps"]["apply_rules"]["retries"] == 0
    assert stack.control("PUT", "config", path, {"value": 1})[1]["steps"]["apply_rules"] == {
        "timeout_s": 0.1,
        "retries": 1,
        "backoff_s": 0.01,
    }
    assert stack.control("PUT", "config", path, {"value": 99})[0] == 400
    assert stack.control("PUT", "config", "/config/steps/nothing/retries", {"value": 1})[0] == 404


@pytest.mark.parametrize("body", [{}, {"user_id": -1, "candidates": [1]}, {"user_id": 1, "candidates": []}])
def test_bad_requests_are_refused(stack: Any, call: Any, body: Any) -> None:
    assert call("POST", stack.url("features", "/v1/recommend"), body)[0] == 422
