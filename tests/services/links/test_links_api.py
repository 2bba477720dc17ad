"""The control API: what it shows, what it refuses, and leases that end by themselves."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.slow

ECHO = "features->echo"
ECHO_PATH = "/links/features-%3Eecho"
LEASE_S = 4.0
"""Far longer than a call to the API takes on any machine."""
BEARER = b"Authorization: Bearer token-of-the-proxy\r\n"
SERVICES = Path(__file__).resolve().parents[3] / "services"


def answers(links: Any) -> bool:
    """True when an exchange over a new connection works."""
    with links.connect() as client:
        client.sendall(b"ping")
        return bool(client.recv(16) == b"ping")


def is_silent(links: Any) -> bool:
    """True when nothing comes over a new connection, not even its end."""
    with links.connect(timeout_s=0.25) as client:
        client.sendall(b"ping")
        try:
            client.recv(16)
        except TimeoutError:
            return True
    return False


def test_links_and_health_are_shown(links: Any) -> None:
    assert links.call("GET", "/healthz") == (200, {"status": "ok"})
    _, answer = links.call("GET", "/links")
    assert [link["link"] for link in answer["links"]] == [ECHO, "features->nobody"]
    _, link = links.call("GET", ECHO_PATH)
    assert link["listen"] == links.ports[ECHO]
    assert link["faults"] == {}


def test_an_injected_fault_is_shown_with_its_values_and_its_lease(links: Any) -> None:
    _, link = links.call("PUT", f"{ECHO_PATH}/faults/delay", {"latency_s": 0.01, "lease_s": 20})
    fault = link["faults"]["delay"]
    assert fault["values"] == {"latency_s": 0.01, "jitter_s": 0.0, "fraction": 1.0, "direction": "request"}
    assert fault["lease_s"] == 20
    assert 0 < fault["expires_in_s"] <= 20


def test_reverting_may_be_repeated(links: Any) -> None:
    links.put("cut")
    assert links.call("DELETE", f"{ECHO_PATH}/faults/cut") == (200, {"reverted": 1})
    assert links.call("DELETE", f"{ECHO_PATH}/faults/cut") == (200, {"reverted": 0})
    links.put("cut")
    links.put("drop", fraction=0.5)
    assert links.call("DELETE", "/faults") == (200, {"reverted": 2})
    assert answers(links)


def test_a_fault_ends_by_itself_when_its_lease_is_over(links: Any) -> None:
    links.put("cut", lease_s=LEASE_S)
    assert is_silent(links)
    eventually(lambda: links.call("GET", ECHO_PATH)[1]["faults"] == {})
    assert answers(links)


def test_a_renewed_fault_goes_on_and_the_others_end(links: Any) -> None:
    links.put("cut", lease_s=LEASE_S)
    links.put("drop", fraction=0.5, lease_s=LEASE_S)

    def is_alone_after_renewal() -> bool:
        renewed = links.call("POST", "/leases/renew", {"link": ECHO, "kind": "cut"})
        assert renewed == (200, {"renewed": 1})
        return list(links.call("GET", ECHO_PATH)[1]["faults"]) == ["cut"]

    eventually(is_alone_after_renewal)


def test_all_leases_are_renewed_at_once(links: Any) -> None:
    links.put("cut")
    links.put("drop", fraction=0.5)
    assert links.call("POST", "/leases/renew", {}) == (200, {"renewed": 2})


def test_renewing_a_fault_that_is_over_is_an_error(links: Any) -> None:
    status, answer = links.call("POST", "/leases/renew", {"link": ECHO, "kind": "cut"})
    assert (status, answer) == (404, {"error": f"no fault 'cut' on {ECHO}"})


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("cut", {}, "every fault needs 'lease_s'"),
        ("cut", {"lease_s": 61}, "lease_s: expected a number from 0.05 to 60, got 61"),
        ("cut", {"lease_s": "10"}, "lease_s: expected a number from 0.05 to 60, got '10'"),
        ("melt", {"lease_s": 1}, "unknown fault 'melt'"),
        ("cut", {"lease_s": 1, "speed": 3}, "unknown key 'speed' for cut"),
        ("cut", b"{", "the body is not JSON"),
        ("cut", [1], "expected a JSON object"),
    ],
)
def test_bad_faults_are_refused_with_the_reason(links: Any, path: str, body: Any, message: str) -> None:
    status, answer = links.call("PUT", f"{ECHO_PATH}/faults/{path}", body)
    assert status == 400
    assert message in answer["error"]
    assert links.call("GET", ECHO_PATH)[1]["faults"] == {}


def test_what_does_not_exist_is_404(links: Any) -> None:
    assert links.call("PUT", "/links/nowhere/faults/cut", {"lease_s": 1})[0] == 404
    assert links.call("PATCH", "/links")[0] == 404


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"PUT /faults HTTP/1.1\r\n" + BEARER + b"Content-Length: many\r\n\r\n", 400),
        (b"PUT /faults HTTP/1.1\r\n" + BEARER + b"Content-Length: 70000\r\n\r\n", 413),
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_is_refused(links: Any, raw: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", links.api_port), timeout=PATIENCE_S) as client:
        client.sendall(raw)
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["error"]


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x", "Bearer ", "Basic token-of-the-proxy"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"{ECHO_PATH}/faults/cut", {"lease_s": 5}),
        ("DELETE", f"{ECHO_PATH}/faults/delay", None),
        ("DELETE", "/faults", None),
        ("POST", "/leases/renew", {}),
        ("GET", "/links", None),
        ("GET", ECHO_PATH, None),
        ("GET", "/metrics", None),
        ("GET", "/nothing", None),
        ("GET", "/healthz/../links", None),
        ("GET", "//links", None),
    ],
)
def test_without_the_token_nothing_is_shown_and_nothing_changes(
    links: Any, authorization: str | None, method: str, path: str, body: Any
) -> None:
    links.put("delay", latency_s=0.0)
    status, answer = links.call(method, path, body, authorization)
    assert status == 401
    assert set(answer) == {"error"}
    assert "Authorization: Bearer" in answer["error"]
    assert "token-of-the-proxy" not in answer["error"]
    assert list(links.call("GET", ECHO_PATH)[1]["faults"]) == ["delay"]


def test_health_needs_no_token(links: Any) -> None:
    assert links.call("GET", "/healthz", authorization=None) == (200, {"status": "ok"})


def test_who_has_no_token_is_refused_before_the_body_is_read(links: Any) -> None:
    with socket.create_connection(("127.0.0.1", links.api_port), timeout=PATIENCE_S) as client:
        # The body never comes: an answer means that nobody waited for it.
        client.sendall(f"PUT {ECHO_PATH}/faults/cut HTTP/1.1\r\nContent-Length: 60000\r\n\r\n".encode())
        head = client.makefile("rb").read()
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nWWW-Authenticate: Bearer" in head


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token_of_its_own_the_proxy_does_not_start(token: str | None) -> None:
    config = '[{"link": "a->b", "listen": 0, "upstream": "127.0.0.1:1"}]'
    environment = {**os.environ, "PYTHONPATH": str(SERVICES), "LINKS_CONFIG": config, "LINKS_API": "127.0.0.1:0"}
    environment |= {} if token is None else {"LINKS_TOKEN": token}
    command = [sys.executable, "-m", "links"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 2
    assert "LINKS_TOKEN: not set" in result.stderr


def test_metrics_count_connections_bytes_and_faults(links: Any) -> None:
    def metrics() -> dict[str, float]:
        lines = links.call("GET", "/metrics")[1].splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    before = metrics()
    assert answers(links)
    links.put("cut")
    after = metrics()
    request_bytes = f'links_bytes_total{{direction="request",link="{ECHO}"}}'
    assert after[request_bytes] - before[request_bytes] == 4
    connections = f'links_connections_total{{link="{ECHO}"}}'
    assert after[connections] - before[connections] == 1
    assert after[f'links_fault_active{{fault="cut",link="{ECHO}"}}'] == 1
    assert before[f'links_fault_active{{fault="cut",link="{ECHO}"}}'] == 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "LINKS_CONFIG"),
        ("[]", "non-empty list"),
        ('[{"link": "a->b", "listen": 0, "upstream": "b"}]', "expected host:port"),
        ('[{"link": "a->b", "listen": 0, "upstream": "b:1", "x": 1}]', "expected link, listen and upstream"),
    ],
)
def test_an_unusable_configuration_ends_with_code_2_and_the_reason(config: str, message: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SERVICES), "LINKS_CONFIG": config, "LINKS_TOKEN": "t"}
    command = [sys.executable, "-m", "links"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 2
    assert message in result.stderr
