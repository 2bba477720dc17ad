"""The feed job: events become columns and fresh entries; its levers; the cache's policy."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.agreed.cache import CachePolicy
from lab.agreed.run import Run
from tests.waiting import eventually

WORLD_SEED = 11  # of the recommender
TTL_S = 3.0
"""Longer than two calls to Redis may take on any machine."""
COLUMNS = "SELECT interest_beauty_ratio, updated_at FROM users WHERE user_id = 41"


@pytest.fixture
def run(stack: Any, call: Any) -> Run:
    """A run in which the feed works every second."""
    started = Run(seed=3, start_unix_s=time.time(), duration_s=600, warmup_s=0, stages=((600, 40),), time_scale=10)
    status, answer = stack.control("POST", "feed", "/runs", started.to_json())
    assert status == 200, answer
    return started


def stays_as_it_is(stack: Any) -> bool:
    """Whether no run of the feed wrote its columns for longer than its period."""
    before = stack.db.run(COLUMNS)
    time.sleep(1.5)
    return bool(stack.db.run(COLUMNS) == before)


def test_events_change_columns_and_refresh_entries(stack: Any, run: Run) -> None:
    [(share, updated_at)] = stack.db.run(COLUMNS)
    assert stack.recommend(41)[1]["features_from"] == "db"
    stack.db.run(
        "INSERT INTO events (user_id, kind, category, log_price_eur, occurred_at) "
        "SELECT 41, 'click', 4, 3.0, now() FROM generate_series(1, 50)"
    )
    eventually(lambda: stack.db.run(COLUMNS)[0][0] > share + 0.1)
    assert stack.db.run(COLUMNS)[0][1] > updated_at
    assert stack.db.run("SELECT count(*) FROM events WHERE NOT is_aggregated") == [(0,)]
    # The entry was there, and now holds the new row.
    assert stack.recommend(41)[1]["features_from"] == "cache"
    assert stack.recommend(42)[1]["features_from"] == "db"


def test_a_frozen_feed_leaves_rows_as_they_are_until_its_lease_ends(stack: Any, run: Run, call: Any) -> None:
    status, control = stack.control("PUT", "feed", "/control/freeze", {"frozen": True, "lease_s": 600})
    assert (status, control["frozen"]) == (200, True)
    eventually(lambda: stays_as_it_is(stack))  # a run under way ends first
    before = stack.db.run(COLUMNS)
    assert stack.control("PUT", "feed", "/control/freeze", {"frozen": True, "lease_s": 0.5})[0] == 200
    eventually(lambda: stack.db.run(COLUMNS) != before)
    assert stack.control("PUT", "feed", "/control/delay", {"seconds": -1})[0] == 400


def test_a_new_run_waits_for_the_job_that_is_under_way(stack: Any, run: Run, call: Any) -> None:
    from lab.worlds.shop.catalog import make_catalog
    from services.shop.feed import tables

    def start_run() -> tuple[int, Any]:
        return stack.control("POST", "feed", "/runs", run.to_json())

    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"

    async def met() -> tuple[int, Any]:
        connection = await tables.Connection.connect(stack.db.conninfo)
        async with connection, connection.transaction():
            await tables.take_events(connection, "")
            aggregate, _ = await tables.read_state(connection, make_catalog(WORLD_SEED), "")
            started = asyncio.create_task(asyncio.to_thread(start_run))
            await asyncio.to_thread(eventually, lambda: stack.db.run(waiting) != [(0,)])
            await tables.write_columns(connection, aggregate, datetime.now(UTC), "")
        return await started

    assert stack.control("PUT", "feed", "/control/freeze", {"frozen": True, "lease_s": 600})[0] == 200
    status, answer = asyncio.run(met())
    assert stack.control("PUT", "feed", "/control/freeze", {"frozen": False})[0] == 200
    assert status == 200, answer


def test_a_renamed_column_does_not_stop_the_feed(stack: Any, run: Run, call: Any) -> None:
    from tests.services.plane.views import users_view_sql

    stack.db.run(users_view_sql({"interest_beauty_ratio": {"change": "rename", "to": "beauty"}}))
    try:
        before = stack.db.run("SELECT updated_at FROM users_base WHERE user_id = 41")
        eventually(lambda: stack.db.run("SELECT updated_at FROM users_base WHERE user_id = 41") != before)
    finally:
        stack.db.run(users_view_sql({}))


def test_a_new_period_holds_from_the_next_run_on(stack: Any, run: Run) -> None:
    status, config = stack.control("PUT", "feed", "/config/period_s", {"value": 86_000})
    assert (status, config["period_s"]) == (200, 86_000)
    try:
        eventually(lambda: stays_as_it_is(stack))
        before = stack.db.run(COLUMNS)
    finally:
        assert stack.control("PUT", "feed", "/config/period_s", {"value": 10})[1]["period_s"] == 10
    # The run that is waited for is due in hours; a new run of the whole begins anew.
    assert stack.control("POST", "feed", "/runs", run.to_json())[0] == 200
    eventually(lambda: stack.db.run(COLUMNS) != before)
    for bad in (0, -1, "often", None, True):
        assert stack.control("PUT", "feed", "/config/period_s", {"value": bad})[0] == 400
    assert stack.control("PUT", "feed", "/config/period_s", {})[0] == 400


def test_steps_of_the_feed_are_configured_as_those_of_features(stack: Any, run: Run) -> None:
    path = "/config/steps/aggregate/timeout_s"
    usual = stack.control("GET", "feed", "/config")[1]["steps"]["aggregate"]["timeout_s"]
    try:
        assert stack.control("PUT", "feed", path, {"value": 0.001})[1]["steps"]["aggregate"]["timeout_s"] == 0.001
        eventually(lambda: stays_as_it_is(stack))
        before = stack.db.run(COLUMNS)
    finally:
        stack.control("PUT", "feed", path, {"value": usual})
    eventually(lambda: stack.db.run(COLUMNS) != before)
    assert stack.control("PUT", "feed", path, {"value": 0})[0] == 400
    assert stack.control("PUT", "feed", "/config/steps/nothing/retries", {"value": 1})[0] == 404


def test_mixed_keys_answer_with_another_entry_always_the_same(stack: Any, redis_client: Any) -> None:
    redis_client.flushdb()
    users = range(40)

    def answers(share: float) -> list[bytes]:
        policy = CachePolicy(600, mixed_share=share, keys_counts={"item": 6, "user": 40})
        redis_client.function_load(policy.library(), replace=True)
        redis_client.fcall("apply_policy", 0)
        return [redis_client.fcall_ro("get_entry", 1, f"user:{user}") for user in users]

    for user in users:
        redis_client.fcall("put_entry", 1, f"user:{user}", str(user))
    own = [str(user).encode() for user in users]
    assert answers(0) == own
    half, all_mixed = answers(0.5), answers(1.0)
    assert not any(answer == mine for answer, mine in zip(all_mixed, own, strict=True))
    mixed = [user for user in users if half[user] != own[user]]
    assert 8 <= len(mixed) <= 32
    assert [half[user] for user in mixed] == [all_mixed[user] for user in mixed]
    # Entries are written under their own keys.
    redis_client.fcall("put_entry", 1, "user:3", "new")
    assert answers(0)[3] == b"new"
    redis_client.function_load(CachePolicy(25).library(), replace=True)


def test_frozen_keys_neither_expire_nor_change(stack: Any, redis_client: Any) -> None:
    redis_client.flushdb()

    def load(text: str) -> None:
        redis_client.function_load(text, replace=True)
        redis_client.fcall("apply_policy", 0)

    load(CachePolicy(TTL_S).library())
    redis_client.fcall("put_entry", 1, "user:1", "old")
    load(CachePolicy(TTL_S, frozen_share=1.0).library())
    time.sleep(1.2 * TTL_S)
    redis_client.fcall("put_entry", 1, "user:1", "new")
    assert redis_client.fcall("refresh_entries", 1, "user:1", "new") == 0
    assert redis_client.fcall_ro("get_entry", 1, "user:1") == b"old"
    load(CachePolicy(25).library())
    eventually(lambda: redis_client.fcall_ro("get_entry", 1, "user:1") is None)
    assert redis_client.fcall("refresh_entries", 1, "user:1", "new") == 0
    redis_client.fcall("put_entry", 1, "user:1", "new")
    assert redis_client.fcall_ro("get_entry", 1, "user:1") == b"new"
