"""Roles of the services in the database and the cache: what each may do, and that none may do what the lab does."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services.plane import bench, servers
from tests.waiting import PATIENCE_S

EVERYBODY_LACKS = [
    "CREATE TABLE mine (x integer)",
    "CREATE TEMPORARY TABLE mine (x integer)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "ALTER TABLE users_base ADD COLUMN mine integer",
    "DROP VIEW users",
    "CREATE OR REPLACE VIEW users AS SELECT * FROM users_base",
    "COMMENT ON VIEW users IS 'mine'",
    "SET ROLE lab",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY items TO '/tmp/mine'",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT * FROM levers.views",
    "SELECT pg_get_viewdef('users'::regclass)",
    "SELECT definition FROM pg_views WHERE viewname = 'users'",
    "SELECT ev_action FROM pg_rewrite",
    "SELECT rolpassword FROM pg_authid",
]
LACKING = {
    "features": ["SELECT * FROM users_base", "SELECT * FROM events", "UPDATE users SET age_years = 1",
                 "DELETE FROM items", "SELECT refresh_statistics()"],
    "feed": ["UPDATE users SET age_years = 1", "DELETE FROM users_base", "DELETE FROM events"],
    "load": ["SELECT * FROM users", "SELECT * FROM events", "SELECT * FROM items",
             "INSERT INTO events (is_aggregated) VALUES (true)", "DELETE FROM events", "SELECT refresh_statistics()"],
}  # fmt: skip
HAVING = {
    "features": ["SELECT * FROM users WHERE user_id = 1", "SELECT * FROM items ORDER BY item_id"],
    "feed": ["SELECT * FROM users WHERE user_id = 1", "SELECT refresh_statistics()",
             "UPDATE events SET is_aggregated = true WHERE NOT is_aggregated RETURNING event_id"],
    "load": ["COPY events (user_id, kind, category, log_price_eur, occurred_at) FROM STDIN"],
}  # fmt: skip
each_role = pytest.mark.parametrize("role", servers.SHOP.roles)


@pytest.fixture(scope="module")
def run_as(stack: bench.Stack) -> Callable[[str, str], Any]:
    """Runs a statement as a role, and takes back what it did."""

    def run(role: str, statement: str) -> Any:
        with psycopg.connect(stack.db.conninfo_of(role)) as connection, connection.cursor() as cursor:
            if statement.startswith("COPY"):
                with cursor.copy(statement) as copy:
                    copy.write_row((1, "view", 1, 1.0, "2026-01-01"))
            else:
                cursor.execute(statement)
            found = cursor.fetchall() if cursor.description and not statement.startswith("COPY") else None
            connection.rollback()
            return found

    return run


@each_role
def test_a_services_role_is_no_superuser_and_owns_nothing(stack: bench.Stack, role: str) -> None:
    found = stack.db.run(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, "
        "(SELECT count(*) FROM pg_auth_members WHERE member = pg_roles.oid), "
        "(SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid) "
        f"FROM pg_roles WHERE rolname = '{role}'"
    )
    assert found == [(False, False, False, False, False, 0, 0)]


@each_role
def test_what_the_lab_does_is_denied(stack: bench.Stack, role: str) -> None:
    with psycopg.connect(stack.db.conninfo_of(role), autocommit=True) as connection:
        for statement in [*EVERYBODY_LACKS, *LACKING[role]]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                pytest.fail(f"{role} may {statement}: {connection.execute(statement)}")


@each_role
def test_what_a_service_needs_is_granted(run_as: Callable[[str, str], Any], role: str) -> None:
    for statement in HAVING[role]:
        run_as(role, statement)


def test_a_changed_view_can_be_read_and_says_nothing_of_the_change(
    stack: bench.Stack, run_as: Callable[[str, str], Any]
) -> None:
    from tests.services.plane.views import users_view_sql

    stack.db.run(users_view_sql({"age_years": {"change": "rename", "to": "age"}}))
    try:
        for role in ("features", "feed"):
            run_as(role, "SELECT age FROM users WHERE user_id = 1")
            assert run_as(role, "SELECT obj_description('users'::regclass, 'pg_class')") == [(None,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run_as(role, "SELECT pg_get_viewdef('users'::regclass)")
    finally:
        stack.db.run(users_view_sql({}))


@each_role
def test_a_role_has_its_own_password_and_its_own_database(stack: bench.Stack, role: str) -> None:
    right = stack.db.conninfo_of(role)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(right.replace(servers.password_of(role), servers.password_of("collector")))
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(right.replace("dbname=recommender", "dbname=postgres"))


def test_passwords_are_in_no_statement_log(stack: bench.Stack) -> None:
    logged = [path.read_text(encoding="utf-8") for path in stack.db.log_directory.iterdir()]
    assert logged
    assert not [text for text in logged if servers.PASSWORD in text]


def test_a_database_of_an_earlier_version_says_what_to_do(tmp_path: Any) -> None:
    with servers.database() as first:
        data = first.log_directory.parent / "data"
        environment = {"DB_ADMIN_PASSWORD": "another-than-it-was-made-with", "PGDATA": str(data)}
        more = {f"DB_{role.upper()}_PASSWORD": "x" for role in servers.SHOP.roles}
        first.stop()
        done = subprocess.run(
            [str(data.parent / "app" / "entrypoint.sh")], cwd=data.parent, capture_output=True, text=True,
            env=servers.environment_of({**environment, **more, "LOG_DIRECTORY": str(first.log_directory),
                                      "DB_PORT": str(first.port), **servers.SHOP.environment}),
            timeout=PATIENCE_S, check=False, **servers.as_nobody(),
        )  # fmt: skip
    assert done.returncode == 1
    assert "lab stack down --volumes" in done.stderr
    assert "another-than" not in done.stderr


CACHE_LACKS = {
    user: [("FUNCTION", "LIST"), ("FUNCTION", "FLUSH"), ("FCALL", "apply_policy", 0), ("KEYS", "*"), ("SCAN", 0),
           ("CONFIG", "GET", "*"), ("CONFIG", "SET", "maxmemory", "1"), ("ACL", "LIST"), ("ACL", "WHOAMI"),
           ("TTL", "user:1"), ("EVAL", "return 1", 0), ("MONITOR",), ("SET", "other", "1"),
           ("FLUSHALL",), ("SHUTDOWN", "NOSAVE")]
    for user in servers.SHOP.users
}  # fmt: skip
CACHE_LACKS["features"] += [("FLUSHDB",), ("INFO",)]
CACHE_LACKS["feed"] += [("INFO",), ("GET", "user:1")]
CACHE_LACKS["collector"] += [("FLUSHDB",), ("GET", "user:1"), ("FCALL_RO", "get_entry", 1, "user:1")]


@pytest.mark.parametrize("user", servers.SHOP.users)
def test_a_service_may_do_in_the_cache_what_it_needs_and_no_more(stack: bench.Stack, user: str) -> None:
    with redis.Redis(port=stack.cache_port, username=user, password=servers.password_of(user)) as client:
        for command in CACHE_LACKS[user]:
            with pytest.raises(redis.RedisError, match=r"(?i)permission|can't run this command"):
                pytest.fail(f"{user} may {command}: {client.execute_command(*command)!r}")
        if user == "collector":
            with client.pipeline(transaction=True) as both:
                both.info("stats", "keyspace", "commandstats", "latencystats")
                both.config_resetstat()
                assert both.execute()[1]
        elif user == "features":
            client.fcall("put_entry", 1, "user:77", "entry")
            assert client.fcall_ro("get_entry", 1, "user:77") == b"entry"
        else:
            assert client.fcall("refresh_entries", 1, "user:78", "entry") == 0


def test_nobody_comes_into_the_cache_without_a_password(stack: bench.Stack) -> None:
    for given in ({}, {"username": "features", "password": servers.password_of("feed")}, {"password": "x"}):
        asking = redis.Redis(port=stack.cache_port, retry=Retry(NoBackoff(), 0), **given)
        with asking as client, pytest.raises(redis.AuthenticationError):
            client.ping()
