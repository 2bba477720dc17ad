"""Who can control the real stack: tokens, the networks, the roles of the database and the cache."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lab.agreed import ports
from lab.injection.levers import TableColumn
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.http import AnswerError, call
from lab.testbeds.stack.secrets import CONTROLLED, NAMES, token_name
from lab.testbeds.stack.session import Session
from lab.worlds.shop.stack import FEATURES_CONFIG, FEED, STACK
from tests.stack.checkouts import at
from tests.waiting import PATIENCE_S

CONTROL = (*CONTROLLED, *STACK.controls)

pytestmark = pytest.mark.stack

PORTS = {
    "links": ports.LINKS, "feed": FEED, "load": ports.LOAD, "features": FEATURES_CONFIG,
    "collector": ports.COLLECTOR,
}  # fmt: skip
WORKERS_PORT = 5557
"""Where locust's master listens for workers."""
CUT = "/links/features-%3Edb/faults/cut"
RUN = {"seed": 1, "start_unix_s": 1e9, "duration_s": 1, "warmup_s": 0, "stages": [[1, 1]]}
CONTROLS: list[tuple[str, str, str, Any]] = [
    ("links", "GET", "/links", None),
    ("links", "GET", "/metrics", None),
    ("links", "PUT", CUT, {"lease_s": 60}),
    ("links", "DELETE", "/faults", None),
    ("links", "POST", "/leases/renew", {}),
    ("feed", "GET", "/control", None),
    ("feed", "PUT", "/control/freeze", {"frozen": True, "lease_s": 60}),
    ("feed", "PUT", "/control/delay", {"seconds": 60, "lease_s": 60}),
    ("feed", "GET", "/config", None),
    ("feed", "PUT", "/config/period_s", {"value": 1}),
    ("feed", "PUT", "/config/steps/refresh/timeout_s", {"value": 0.001}),
    ("feed", "POST", "/runs", RUN),
    ("feed", "PUT", "/runs", RUN),
    ("load", "POST", "/runs", RUN),
    ("load", "DELETE", "/runs", None),
    ("load", "POST", "/surges", {"kind": "surge", "rate_per_s": 20, "at_s": 0}),
    ("load", "GET", "/tastes", None),
    ("load", "PUT", "/tastes", {"fraction": 0.5}),
    ("load", "POST", "/swarm", None),
    ("load", "GET", "/stop", None),
    ("load", "GET", "/stats/requests", None),
    ("features", "GET", "/config", None),
    ("features", "PUT", "/config/steps/db_get/timeout_s", {"value": 0.001}),
    ("collector", "POST", "/runs", RUN),
    ("collector", "POST", "/flush", None),
    ("collector", "GET", "/files/spans.jsonl", None),
]


def controls(stack: Session) -> dict[str, Any]:
    """What the controls say of themselves, as far as it stays from one moment to the next."""
    links = call("GET", f"{stack.compose.url('links', ports.LINKS)}/links", token=stack.token("links"))["links"]
    return {
        "faults": {link["link"]: link["faults"] for link in links},
        "feed": call("GET", f"{stack.compose.url('feed', FEED)}/control", token=stack.token("feed")),
        "feed's configuration": call("GET", f"{stack.compose.url('feed', FEED)}/config", token=stack.token("feed")),
        "features": call(
            "GET", f"{stack.compose.url('features', FEATURES_CONFIG)}/config", token=stack.token("features")
        ),
    }


@pytest.mark.parametrize("given", ["no token", "a wrong one", "another service's"])
def test_without_the_services_own_token_nothing_is_shown_and_nothing_changes(stack: Session, given: str) -> None:
    before = controls(stack)
    for service, method, path, body in CONTROLS:
        other = CONTROL[CONTROL.index(service) - 1]
        token = {"no token": "", "a wrong one": "0" * 48, "another service's": stack.token(other)}[given]
        with pytest.raises(AnswerError) as refused:
            call(method, f"{stack.compose.url(service, PORTS[service])}{path}", body, token)
        assert refused.value.status == 401, (service, path)
        assert "Authorization: Bearer" in str(refused.value)
        assert not [name for name in NAMES if stack.passwords[name] in str(refused.value)]
    assert controls(stack) == before


@pytest.mark.parametrize("service", PORTS)
def test_a_refusal_names_its_scheme_and_health_needs_no_token(stack: Session, service: str) -> None:
    base = stack.compose.url(service, PORTS[service])
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{base}/runs", timeout=PATIENCE_S)
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert set(json.loads(refused.value.read())) == {"error"}
    with urllib.request.urlopen(f"{base}/healthz", timeout=PATIENCE_S) as answer:
        assert answer.status == 200


CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def is_reached(address):
    try:
        socket.create_connection(tuple(address), timeout=1.0).close()
    except OSError:
        return False
    return True

addresses = json.load(sys.stdin)
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(is_reached, addresses))
print(json.dumps([address for address, reached in zip(addresses, found) if reached]))
"""


def reached_from(compose: Compose, service: str, addresses: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of the addresses to which a process inside of a container can connect."""
    command = ["docker", "exec", "-i", compose.container(service).id, "python3", "-c", CONNECT]
    done = subprocess.run(
        command, input=json.dumps(addresses), capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    return [(host, port) for host, port in json.loads(done.stdout)]


def addresses_of(compose: Compose, service: str, port: int) -> list[tuple[str, int]]:
    """Every way to a container's port: its names and addresses in all networks, and where the host publishes it."""
    networks = compose.container(service).attrs["NetworkSettings"]["Networks"]
    names = {service, *(alias for network in networks.values() for alias in network["Aliases"] or ())}
    inside = {*names, *(network["IPAddress"] for network in networks.values())}
    gateways = {network["Gateway"] for network in networks.values()}
    every = {network["Gateway"] for name in compose.containers() for network in
             compose.container(name).attrs["NetworkSettings"]["Networks"].values()}  # fmt: skip
    _, public = compose.address(service, port)
    outside = gateways | every | {"172.17.0.1", "host.docker.internal", "127.0.0.1"}
    return [(host, port) for host in sorted(inside)] + [(host, p) for host in sorted(outside) for p in (public, port)]


@pytest.mark.parametrize("caller", ["features", "feed", "load"])
def test_nothing_in_a_container_can_connect_to_the_proxys_control(stack: Session, caller: str) -> None:
    # The very same look finds the port that the caller does use.
    assert reached_from(stack.compose, caller, [("links", 28080)]) == [("links", 28080)]
    assert reached_from(stack.compose, caller, addresses_of(stack.compose, "links", ports.LINKS)) == []


def test_the_features_container_cannot_connect_to_the_control_of_the_load(stack: Session) -> None:
    assert reached_from(stack.compose, "features", addresses_of(stack.compose, "load", ports.LOAD)) == []


def test_nothing_in_a_container_can_join_the_load_as_a_worker(stack: Session) -> None:
    """locust asks workers for no token. The very same look finds the port that wants one."""
    assert reached_from(stack.compose, "model", [("load", ports.LOAD), ("load", WORKERS_PORT)]) == [
        ("load", ports.LOAD)
    ]


def test_secrets_are_in_no_log_no_process_list_and_no_other_container(stack: Session) -> None:
    allowed = {token_name(service): {service} for service in CONTROL} | {
        "LAB_DB_ADMIN_PASSWORD": {"db"}, "LAB_CACHE_ADMIN_PASSWORD": {"cache"}, "LAB_GRAFANA_PASSWORD": {"grafana"},
        **{f"LAB_DB_{role.upper()}_PASSWORD": {"db", role} for role in ("features", "feed", "load")},
        **{f"LAB_CACHE_{role.upper()}_PASSWORD": {"cache", role} for role in ("features", "feed", "collector")},
    }  # fmt: skip
    assert set(allowed) <= set(NAMES)
    allowed |= {name: set() for name in NAMES if name not in allowed}  # those of other systems
    for service, container in stack.compose.containers().items():
        inspected, logged = json.dumps(container.attrs), container.logs().decode(errors="replace")
        processes = json.dumps(container.top())
        for name, holders in allowed.items():
            assert service in holders or stack.passwords[name] not in inspected, (service, name)
            assert stack.passwords[name] not in logged, (service, name)
            assert stack.passwords[name] not in processes, (service, name)


def test_status_shows_no_secret(stack: Session) -> None:
    for more in ([], ["--json"]):
        command = [sys.executable, "-m", "lab", "stack", "status", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert not [name for name in NAMES if stack.passwords[name] in done.stdout + done.stderr]


def test_a_service_without_its_token_does_not_start(stack: Session) -> None:
    for service, variable in [*((name, "CONTROL_TOKEN") for name in ("feed", "load", "features", "collector")),
                              ("links", "LINKS_TOKEN")]:  # fmt: skip
        container = stack.compose.container(service)
        inside = container.attrs["Config"]
        # The same command, in the same container, without the token.
        command = [*(inside["Entrypoint"] or []), *inside["Cmd"]]
        code, output = container.exec_run(["env", "-u", variable, *command])
        assert code not in (0, None), service
        assert variable in output.decode(), service


DENIED = ("CREATE TABLE mine (x integer)", "DROP VIEW users", "COPY (SELECT 1) TO PROGRAM 'true'", "SET ROLE lab")


@pytest.mark.parametrize("service", ["features", "feed", "load"])
def test_a_services_role_in_the_database_is_no_superuser(stack: Session, service: str) -> None:
    import psycopg

    given = dict(pair.split("=", 1) for pair in stack.compose.container(service).attrs["Config"]["Env"])
    host, port = stack.compose.address("db", 5432)
    with psycopg.connect(
        host=host, port=port, dbname="recommender", user=given["DB_USER"], password=given["DB_PASSWORD"],
        autocommit=True,
    ) as connection:  # fmt: skip
        role = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(role).fetchall() == [(False, False, False)]
        for statement in (*DENIED, "SELECT * FROM levers.views"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_changed_column_is_not_named_by_what_a_service_can_read(stack: Session) -> None:
    import psycopg

    password = stack.passwords["LAB_DB_FEATURES_PASSWORD"]
    host, port = stack.compose.address("db", 5432)
    with (
        stack.testbed.pull("db/users.age_years", TableColumn(change="rename", to="age")),
        psycopg.connect(
            host=host, port=port, dbname="recommender", user="features", password=password, autocommit=True
        ) as connection,
    ):
        assert connection.execute("SELECT age FROM users LIMIT 1").fetchone()
        comment = "SELECT obj_description('users'::regclass, 'pg_class')"
        assert connection.execute(comment).fetchone() == (None,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_get_viewdef('users'::regclass)")


def test_a_service_cannot_load_or_read_the_caches_policy(stack: Session) -> None:
    import redis

    host, port = stack.compose.address("cache", 6379)
    for user in ("features", "feed", "collector"):
        password = stack.passwords[f"LAB_CACHE_{user.upper()}_PASSWORD"]
        with redis.Redis(host, port, username=user, password=password) as client:
            for command in (("FUNCTION", "LIST", "WITHCODE"), ("FUNCTION", "FLUSH"), ("FCALL", "apply_policy", 0)):
                with pytest.raises(redis.ResponseError, match=r"permission|can't run this command"):
                    client.execute_command(*command)


OLD_DATABASE = """
services:
  db:
    image: {image}
    labels: {{lab.checkout: "${{LAB_CHECKOUT_ID}}"}}
    tmpfs: ["/tmp:size=128m,mode=1777"]
    environment: {{PGDATA: /tmp/data, LOG_DIRECTORY: /tmp, DB_ADMIN_PASSWORD: new, DB_FEATURES_PASSWORD: new,
                   WORLD: shop, DB_NAME: recommender, DB_FEED_PASSWORD: new, DB_LOAD_PASSWORD: new}}
    command:
      - sh
      - -ec
      - |
        echo old >/tmp/password
        initdb --username=recommender --auth=scram-sha-256 --pwfile=/tmp/password \
            --pgdata=/tmp/data >/dev/null
        exec /app/entrypoint.sh
"""


def test_a_database_made_by_an_earlier_version_ends_and_says_what_to_do_at_once(stack: Session, tmp_path: Path) -> None:
    image = stack.compose.container("db").attrs["Config"]["Image"]
    (tmp_path / "docker-compose.yml").write_text(OLD_DATABASE.format(image=image), encoding="utf-8")
    compose = at(tmp_path)
    try:
        compose.run("up", "-d")
        began_s = time.monotonic()
        with pytest.raises(
            StackError, match=r"(?s)db has exited.*made by an earlier version.*lab stack down --volumes"
        ):
            compose.await_health(within_s=2 * PATIENCE_S)
        assert time.monotonic() - began_s < PATIENCE_S
    finally:
        compose.run("down", "--volumes")
