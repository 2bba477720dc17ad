"""A Docker engine that fails in the middle, of the stack of the shop: what the lab says, never an internal error."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ExitCode, UserError
from lab.testbeds.stack.belongings import NOTHING, take_down
from lab.testbeds.stack.compose import Compose, PausedError, StackError
from lab.testbeds.stack.secrets import CHECKOUT_ID, PROJECT
from tests.stack.checkouts import copy_checkout, run_lab

pytest.importorskip("docker")

ID = "ab" * 32
LABELS = {"lab.checkout": "1", "com.docker.compose.service": "rules", "com.docker.compose.project": "p"}
LISTED = {"Id": ID, "Names": ["/p_rules_1"], "Labels": LABELS, "State": "running", "Image": "i"}
INSPECTED = {"Id": ID, "Name": "/p_rules_1", "State": {"Status": "running"}, "Config": {"Labels": LABELS}}
ANSWERS: dict[str, Any] = {
    "/version": {"ApiVersion": "1.41"}, "/_ping": "OK", "/containers/json": [LISTED],
    f"/containers/{ID}/json": INSPECTED, "/networks": [], "/volumes": {"Volumes": []},
}  # fmt: skip

Misbehave = Callable[[BaseHTTPRequestHandler], None]


class Engine(BaseHTTPRequestHandler):
    """Answers as an engine with one container does, but to requests under `bad`."""

    protocol_version = "HTTP/1.1"
    bad: dict[str, Misbehave]

    def address_string(self) -> str:
        return "somebody"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self) -> None:
        path = "/" + self.path.partition("?")[0].partition("/v1.41/")[2] if "/v1.41/" in self.path else self.path
        for end, misbehave in self.bad.items():
            if path.endswith(end):
                misbehave(self)
                return
        content = ANSWERS[path]
        reply(self, 200, content)

    do_GET = do_POST = do_DELETE = answer


def reply(engine: BaseHTTPRequestHandler, status: int, content: Any) -> None:
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    engine.send_response(status)
    engine.send_header("Content-Type", "application/json")
    engine.send_header("Content-Length", str(len(body)))
    engine.end_headers()
    engine.wfile.write(body)


def hang_up(engine: BaseHTTPRequestHandler) -> None:
    engine.close_connection = True


def refuse(status: int, message: str) -> Misbehave:
    return lambda engine: reply(engine, status, {"message": message})


@contextmanager
def engine(directory: Path, monkeypatch: pytest.MonkeyPatch, **bad: Misbehave) -> Iterator[Compose]:
    """A checkout's compose project on an engine that misbehaves at requests that end so."""
    address = directory / "engine.sock"
    handler = type("Handler", (Engine,), {"bad": {f"/{end}": misbehave for end, misbehave in bad.items()}})
    with socketserver.ThreadingUnixStreamServer(str(address), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")
        try:
            yield Compose(directory, {PROJECT: "p", CHECKOUT_ID: "1"})
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("misbehave", "words"),
    [
        (hang_up, ("did not answer", "remote end closed connection", "lab doctor", "lab recover")),
        (refuse(500, "driver failed"), ("Docker failed", "500 driver failed", "journalctl", "lab recover")),
        (refuse(409, "it is restarting"), ("Docker refused", "409 it is restarting", "lab stack status")),
        (refuse(404, f"No such container: {ID}"), ("Docker refused", "404 No such container", "lab stack up")),
        (refuse(500, "no space left on device"), ("no space left", "docker system df")),
    ],
    ids=["hangs up", "500", "409", "404", "full disk"],
)
def test_what_an_engine_refuses_is_reported_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misbehave: Misbehave, words: tuple[str, ...]
) -> None:
    with engine(tmp_path, monkeypatch, stop=misbehave) as compose:
        with pytest.raises(StackError) as raised:
            compose.container("rules").stop()
        for word in (*words, "POST /containers/p_rules_1/stop", "engine.sock"):
            assert word in str(raised.value)
        assert raised.value.exit_code is ExitCode.INTERNAL


def test_an_engine_that_hangs_is_given_up_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    with engine(tmp_path, monkeypatch, **{"containers/json": lambda _: go_on.wait() and None}) as compose:
        compose.client.api.timeout = 0.2
        try:
            with pytest.raises(StackError, match=r"(?s)GET /containers/json.*no answer within 0.2 s"):
                compose.health()
        finally:
            go_on.set()


def test_an_engine_that_is_gone_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(tmp_path, monkeypatch) as compose:
        assert list(compose.containers()) == ["rules"]
        compose.client.close()
    with pytest.raises(StackError, match=r"(?s)GET /containers/json.*connection refused"):
        compose.containers()


def test_a_command_on_an_engine_that_goes_away_ends_without_an_internal_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = copy_checkout(tmp_path / "checkout")
    with engine(tmp_path, monkeypatch, **{"containers/json": hang_up}):
        done = run_lab(other, "stack", "status")
    assert done.returncode == ExitCode.INTERNAL
    assert "error: " in done.stderr
    assert "Docker did not answer: GET /containers/json" in done.stderr
    assert "internal error" not in done.stderr


def test_an_engine_that_was_never_there_is_the_users_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(UserError, match=r"(?s)no Docker engine answers.*no such file or directory.*lab doctor"):
        Compose(tmp_path, {PROJECT: "p", CHECKOUT_ID: "1"}).containers()


def test_a_container_that_goes_while_containers_are_listed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(tmp_path, monkeypatch, **{f"{ID}/json": refuse(404, f"No such container: {ID}")}) as compose:
        assert compose.containers() == {}


def test_what_could_not_be_taken_down_is_named_with_what_the_engine_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        engine(tmp_path, monkeypatch, stop=hang_up, **{f"containers/{ID}": refuse(500, "device busy")}) as compose,
        pytest.raises(StackError) as raised,
    ):
        take_down(compose, NOTHING)
    assert "p_rules_1: device busy" in str(raised.value)
    assert "p_rules_1: Docker did not answer" in str(raised.value)


def test_an_address_that_can_be_none_is_a_mistake_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:99999")
    with pytest.raises(UserError, match=r"(?s)no Docker engine answers.*out of range"):
        Compose(tmp_path, {PROJECT: "p", CHECKOUT_ID: "1"}).containers()


def test_where_no_engine_answers_nobody_knows_whether_something_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = copy_checkout(tmp_path / "checkout")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = run_lab(other, "recover")
    assert (done.returncode, done.stdout) == (ExitCode.INVALID, "")
    assert "no Docker engine answers" in done.stderr


def test_services_that_there_are_not_have_no_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = copy_checkout(tmp_path / "checkout")
    with engine(tmp_path, monkeypatch):
        done = run_lab(other, "stack", "logs", "feature")
    assert done.returncode == ExitCode.INVALID
    assert "unknown service 'feature'; did you mean 'features'?" in done.stderr


def test_who_is_paused_is_not_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = {**INSPECTED, "State": {"Status": "paused"}}
    monkeypatch.setitem(ANSWERS, f"/containers/{ID}/json", paused)
    with engine(tmp_path, monkeypatch) as compose:
        for call in (lambda: compose.url("rules", 80), lambda: compose.execute("rules", ["true"])):
            with pytest.raises(PausedError, match="docker unpause p_rules_1"):
                call()
