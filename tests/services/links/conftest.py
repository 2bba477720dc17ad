"""The fault proxy as a process of its own, in front of loopback servers."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.waiting import PATIENCE_S

SERVICES = Path(__file__).resolve().parents[3] / "services"
ECHO = "features->echo"
REFUSED = "features->nobody"
TOKEN = "token-of-the-proxy"


class EchoHandler(socketserver.BaseRequestHandler):
    """Sends back what it gets, and its own FIN after the client's."""

    def handle(self) -> None:
        first = b""
        try:
            while data := self.request.recv(65536):
                first = first or data
                self.server.received.extend(data)  # type: ignore[attr-defined]
                self.request.sendall(data)
        except OSError:
            self.server.reset.append(first)  # type: ignore[attr-defined]


class EchoServer(socketserver.ThreadingTCPServer):
    """The upstream; remembers what reached it, and of each connection that was reset the first chunk."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EchoHandler)
        self.received = bytearray()
        self.reset: list[bytes] = []


class LinksProcess:
    """The proxy's process, driven through its API."""

    def __init__(self, links: list[dict[str, Any]]) -> None:
        environment = {**os.environ, "LINKS_CONFIG": json.dumps(links), "LINKS_API": "127.0.0.1:0"}
        environment["LINKS_TOKEN"] = TOKEN
        environment["PYTHONPATH"] = str(SERVICES)
        self.process = subprocess.Popen([sys.executable, "-m", "links"], env=environment, stdout=subprocess.PIPE)
        self.ports: dict[str, int] = {}
        assert self.process.stdout
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "ready":
                self.api_port = event["api_port"]
                break
            self.ports[event["link"]] = event["port"]
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def call(
        self, method: str, path: str, body: Any = None, authorization: str | None = f"Bearer {TOKEN}"
    ) -> tuple[int, Any]:
        """One API request, with the proxy's token unless told otherwise: status, and the JSON (or text) answered."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}{path}", data, method=method)
        if authorization is not None:
            request.add_header("Authorization", authorization)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                status, text, kind = answer.status, answer.read(), answer.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            status, text, kind = error.code, error.read(), error.headers["Content-Type"]
        return status, json.loads(text) if kind == "application/json" else text.decode()

    def put(self, kind: str, link: str = ECHO, lease_s: float = 60, **values: Any) -> None:
        """Injects a fault."""
        status, answer = self.call("PUT", f"/links/{quote(link)}/faults/{kind}", {**values, "lease_s": lease_s})
        assert status == 200, answer

    def delete(self, kind: str, link: str = ECHO) -> None:
        """Reverts a fault."""
        status, _ = self.call("DELETE", f"/links/{quote(link)}/faults/{kind}")
        assert status == 200

    @contextmanager
    def connect(self, link: str = ECHO, timeout_s: float = PATIENCE_S) -> Iterator[socket.socket]:
        """A client's connection through the proxy."""
        with socket.create_connection(("127.0.0.1", self.ports[link]), timeout=timeout_s) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield client

    def stop(self) -> int:
        """Ends the process with SIGTERM; returns its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_S)


@pytest.fixture(scope="session")
def echo_server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def links_process(echo_server: EchoServer) -> Iterator[LinksProcess]:
    with socket.socket() as reserved:  # bound and never listening: connections to it are refused
        reserved.bind(("127.0.0.1", 0))
        process = LinksProcess(
            [
                {"link": ECHO, "listen": 0, "upstream": f"127.0.0.1:{echo_server.server_address[1]}"},
                {"link": REFUSED, "listen": 0, "upstream": f"127.0.0.1:{reserved.getsockname()[1]}"},
            ]
        )
        yield process
        process.stop()


@pytest.fixture
def links(links_process: LinksProcess) -> Iterator[LinksProcess]:
    """The proxy without faults, before and after."""
    yield links_process
    links_process.call("DELETE", "/faults")
