"""Calls to the stack's endpoints that are cut short: an error of the stack, whatever broke."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.http import AnswerError, call, download
from tests.waiting import PATIENCE_S


@pytest.fixture(params=["cut short", "reset"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A service that answers with an error status, and breaks before it has said why."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000\r\n\r\n")
            if request.param == "reset":
                linger_no_longer = b"\x01\0\0\0\0\0\0\0"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_longer)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_error_whose_words_are_cut_short_is_still_the_services_answer(address: str) -> None:
    with pytest.raises(AnswerError, match="503 Service Unavailable") as raised:
        call("GET", f"{address}/links", retries=0)
    assert raised.value.status == 503


@contextmanager
def answering(status: bytes, body: bytes = b"") -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a service that gives everybody this answer, and the requests that it was asked."""
    asked: list[bytes] = []

    def answer(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body))
                connection.sendall(head + body)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked


def test_a_proxy_of_the_shell_learns_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says: the services are on this machine, and no proxy reaches them."""
    with answering(b"502 Bad Gateway") as (proxy, asked):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("urllib.request._opener", None)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(StackError, match="refused"):
            call("GET", f"{closed}/links", token="secret", retries=0)
        with pytest.raises(StackError, match="refused"):
            download(f"{closed}/files/logs.jsonl", os.devnull, "secret")
    assert asked == []


def test_a_token_that_is_another_one_than_the_services_is_an_error_with_what_to_do() -> None:
    with (
        answering(b"401 Unauthorized") as (url, _),
        pytest.raises(AnswerError, match=r"(?s)401.*lab stack up") as raised,
    ):
        call("DELETE", f"{url}/faults", token="secret", retries=0)
    assert "secret" not in str(raised.value)


def test_who_was_silent_for_the_whole_time_is_not_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        with pytest.raises(StackError, match="timed out"):
            call("GET", f"http://127.0.0.1:{server.getsockname()[1]}/links", timeout_s=0.2)
        server.accept()[0].close()
        server.settimeout(1.0)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_connection_that_breaks_is_tried_again_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.testbeds.stack.http.BACKOFF_S", 0.001)
    asked: list[bytes] = []

    def answer(server: socket.socket) -> None:
        for breaks in (True, True, False):
            with server.accept()[0] as connection:
                request = b""
                while not request.endswith(b'{"a": 1}'):  # head and body may come apart
                    request += connection.recv(65536)
                asked.append(request)
                if not breaks:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n[1, 2] ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/links"
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        assert call("PUT", url, {"a": 1}, retries=2) == [1, 2]
    assert len(asked) == 3
    assert len(set(asked)) == 1, "another attempt is the same request"
    with pytest.raises(StackError, match="refused"):
        call("GET", url, retries=2)


def test_an_answer_is_not_asked_for_again_whatever_its_status() -> None:
    with answering(b"503 Busy", b"full") as (url, asked), pytest.raises(AnswerError, match="503 full"):
        call("GET", f"{url}/links")
    assert len(asked) == 1
