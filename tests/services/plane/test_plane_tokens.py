"""Control endpoints: what each wants a token for, what needs none, and that no other service's will do."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.agreed.run import Run
from services.common.control import Guard
from tests.services.plane import bench, servers
from tests.waiting import PATIENCE_S

RUN = Run(seed=1, start_unix_s=1e9, duration_s=1, warmup_s=0, stages=((1, 1),)).to_json()
CONTROLS = [
    ("feed", "GET", "/control", None),
    ("feed", "PUT", "/control/freeze", {"frozen": True, "lease_s": 600}),
    ("feed", "PUT", "/control/delay", {"seconds": 60}),
    ("feed", "GET", "/config", None),
    ("feed", "PUT", "/config/period_s", {"value": 1}),
    ("feed", "PUT", "/config/steps/refresh/retries", {"value": 5}),
    ("feed", "POST", "/runs", RUN),
    ("feed", "GET", "/nothing", None),
    ("collector", "POST", "/runs", RUN),
    ("collector", "POST", "/flush", None),
    ("collector", "GET", "/files/spans.jsonl", None),
    ("config", "GET", "/config", None),
    ("config", "PUT", "/config/steps/apply_rules/retries", {"value": 5}),
    ("config", "GET", "/docs", None),
    ("load", "POST", "/runs", RUN),
    ("load", "DELETE", "/runs", None),
    ("load", "POST", "/surges", {"kind": "surge", "rate_per_s": 20, "at_s": 0}),
    ("load", "GET", "/tastes", None),
    ("load", "PUT", "/tastes", {"fraction": 0.5}),
    # Locust's own: they start, stop, show and describe the load.
    ("load", "GET", "/", None),
    ("load", "POST", "/swarm", {"user_count": 1, "spawn_rate": 1}),
    ("load", "GET", "/stop", None),
    ("load", "GET", "/stats/reset", None),
    ("load", "GET", "/stats/requests", None),
    ("load", "GET", "/exceptions", None),
    ("load", "GET", "//runs", None),
]
OPEN = [
    ("feed", "/healthz"), ("feed", "/metrics"), ("config", "/healthz"), ("load", "/healthz"),
    ("collector", "/healthz"), ("collector", "/slis"), ("features", "/healthz"), ("features", "/metrics"),
]  # fmt: skip


@pytest.fixture(scope="module")
def controlled(stack: bench.Stack) -> bench.Stack:
    """Everything, the load included."""
    bench.start_load(stack)
    return stack


@pytest.mark.parametrize(("name", "method", "path", "body"), CONTROLS)
def test_control_wants_the_services_own_token(
    controlled: bench.Stack, name: str, method: str, path: str, body: Any
) -> None:
    others = [token for owner, token in bench.TOKEN_OF.items() if token != bench.TOKEN_OF[name]]
    wrong = [f"Bearer {token}" for token in (*others, "", bench.TOKEN_OF[name] + "x", bench.TOKEN_OF[name][:-1])]
    for authorization in [None, "", bench.TOKEN_OF[name], f"Basic {bench.TOKEN_OF[name]}", *wrong]:
        headers = {} if authorization is None else {"Authorization": authorization}
        status, answer = bench.call(method, controlled.url(name, path), body, headers)
        assert status == 401, authorization
        assert set(answer) == {"error"}
        assert "Authorization: Bearer" in answer["error"]
        assert not [token for token in bench.TOKEN_OF.values() if token in answer["error"]]


def test_what_was_refused_has_changed_nothing(controlled: bench.Stack) -> None:
    users_count = controlled.control("GET", "load", "/stats/requests")[1]["user_count"]
    for name, method, path, body in CONTROLS:
        assert bench.call(method, controlled.url(name, path), body)[0] == 401
    assert controlled.control("GET", "feed", "/control") == (200, {"frozen": False, "delay_s": 0.0})
    assert controlled.control("GET", "config", "/config")[1]["steps"]["apply_rules"]["retries"] == 1
    assert controlled.control("GET", "load", "/stats/requests")[1]["user_count"] == users_count


@pytest.mark.parametrize(("name", "path"), OPEN)
def test_health_and_metrics_need_none(controlled: bench.Stack, name: str, path: str) -> None:
    with urllib.request.urlopen(controlled.url(name, path), timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def test_telemetry_needs_none(controlled: bench.Stack) -> None:
    assert bench.call("POST", controlled.url("collector", "/v1/traces"), {"resourceSpans": []}) == (200, {})


@pytest.mark.parametrize("name", ["feed", "collector", "config", "load"])
def test_a_request_is_refused_before_its_body_is_read(controlled: bench.Stack, name: str) -> None:
    port = urlsplit(controlled.url(name, "/")).port
    with socket.create_connection(("127.0.0.1", port or 0), timeout=PATIENCE_S) as client:
        # The body never comes: an answer means that nobody waited for it.
        head = f"POST /runs HTTP/1.1\r\nHost: {name}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
        client.sendall(head.encode())
        first = client.makefile("rb").readline()
    assert b" 401 " in first


def test_refusals_say_what_is_wanted(controlled: bench.Stack) -> None:
    for name in ("feed", "collector", "config", "load"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(controlled.url(name, "/anything"), timeout=PATIENCE_S)
        assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
        assert refused.value.headers["Content-Type"].startswith("application/json")
        refused.value.close()


CONTROLLED = ("services.shop.feed", "services.shop.features", "services.decisions.payments", "services.collector",
              "services.decisions.features", "services.decisions.aggregator", "locust")  # fmt: skip


@pytest.mark.parametrize("module", CONTROLLED)
@pytest.mark.parametrize("token", ["", " "])
def test_a_service_without_its_token_does_not_start(stack: bench.Stack, module: str, token: str) -> None:
    locustfile = servers.ROOT / "services" / "load" / "locustfile.py"
    more = ["-f", str(locustfile), "--headless"] if module == "locust" else []
    given = stack.given("feed") | {"CONTROL_TOKEN": token, "DATA_DIRECTORY": str(stack.directory / "none")}
    command, environment = [sys.executable, "-m", module, *more], servers.environment_of(given)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode != 0
    assert "CONTROL_TOKEN" in done.stdout + done.stderr


def test_tokens_are_in_no_log(controlled: bench.Stack) -> None:
    for process in controlled.services.values():
        assert not [token for token in bench.TOKEN_OF.values() if token in "".join(process.lines)]


def test_a_guard_without_a_token_lets_nobody_pass_and_is_not_made() -> None:
    for token in ("", " "):
        with pytest.raises(ValueError, match="empty"):
            Guard(token, ())
    assert Guard("naïve", ()).refusal("/x", "Bearer naïve") is None
    assert Guard("a", ()).refusal("/x", "Bearer \udcff") is not None
