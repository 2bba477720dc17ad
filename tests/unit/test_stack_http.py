"""Calls to the stack's endpoints that are cut short: an error of the stack, whatever broke."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from lab.testbeds.stack.http import AnswerError, call


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
