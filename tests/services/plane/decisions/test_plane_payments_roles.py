"""Roles of fraud's services in database and cache: what each needs; none may do what the lab or another does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis

from tests.services.plane import servers
from tests.services.plane.decisions.decisions_bench import Bank

EVERYBODY_LACKS = [
    "CREATE TABLE mine (x integer)",
    "CREATE TEMPORARY TABLE mine (x integer)",
    "ALTER TABLE cards_base ADD COLUMN mine integer",
    "CREATE OR REPLACE VIEW cards AS SELECT * FROM cards_base",
    "SET ROLE lab",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT * FROM levers.views",
    "SELECT pg_get_viewdef('merchants'::regclass)",
]
LACKING = {
    "features": ["SELECT * FROM cards_base", "SELECT * FROM payments", "SELECT * FROM chargebacks",
                 "UPDATE cards SET device = 1", "SELECT refresh_statistics()"],
    "aggregator": ["UPDATE cards SET device = 1", "DELETE FROM cards_base", "DELETE FROM payments",
                   "INSERT INTO payments (payment_id) VALUES ('x')"],
    "load": ["SELECT * FROM cards", "SELECT * FROM payments", "SELECT * FROM chargebacks", "DELETE FROM payments",
             "INSERT INTO payments (is_aggregated) VALUES (true)", "SELECT refresh_statistics()"],
}  # fmt: skip
PAYMENT = "payment_id, card_id, merchant_id, amount_eur, decision, decided_at"
HAVING = {
    "features": ["SELECT * FROM cards WHERE card_id = 1", "SELECT * FROM merchants WHERE merchant_id = 1"],
    "aggregator": ["UPDATE payments SET is_aggregated = true WHERE NOT is_aggregated RETURNING card_id",
                   "SELECT * FROM cards WHERE card_id = 1", "SELECT refresh_statistics()"],
    "load": [f"INSERT INTO payments ({PAYMENT}) VALUES ('x', 1, 1, 1.0, 'approve', now())",
             "INSERT INTO chargebacks (payment_id, merchant_id, reported_at) VALUES ('x', 1, now())"],
}  # fmt: skip
each_role = pytest.mark.parametrize("role", servers.DECISIONS.roles)


@each_role
def test_what_the_lab_or_another_does_is_denied(bank: Bank, role: str) -> None:
    with psycopg.connect(bank.db.conninfo_of(role), autocommit=True) as connection:
        for statement in [*EVERYBODY_LACKS, *LACKING[role]]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                pytest.fail(f"{role} may {statement}: {connection.execute(statement)}")


@each_role
def test_what_a_service_needs_is_granted(bank: Bank, role: str) -> None:
    with psycopg.connect(bank.db.conninfo_of(role)) as connection:
        for statement in HAVING[role]:
            connection.execute(statement)
        connection.rollback()


CACHE_LACKS: dict[str, list[tuple[Any, ...]]] = {
    "features": [("FLUSHDB",), ("SET", "user:1", "x")],
    "aggregator": [("GET", "card:1"), ("INFO",)],
    "collector": [("FLUSHDB",), ("GET", "card:1"), ("FCALL_RO", "get_entry", 1, "card:1")],
}
CACHE_NEEDS: dict[str, Callable[[Any], Any]] = {
    "features": lambda client: client.fcall("put_entry", 1, "merchant:399", "entry"),
    "aggregator": lambda client: client.fcall("refresh_entries", 1, "card:4999", "entry"),
    "collector": lambda client: client.info("stats"),
}


@pytest.mark.parametrize("user", servers.DECISIONS.users)
def test_a_service_may_do_in_the_cache_what_it_needs_and_no_more(bank: Bank, user: str) -> None:
    with redis.Redis(port=bank.cache_port, username=user, password=servers.password_of(user)) as client:
        for command in (*CACHE_LACKS[user], ("FUNCTION", "LIST"), ("FCALL", "apply_policy", 0), ("KEYS", "*")):
            with pytest.raises(redis.RedisError, match=r"(?i)permission|can't run this command"):
                pytest.fail(f"{user} may {command}: {client.execute_command(*command)!r}")
        CACHE_NEEDS[user](client)
