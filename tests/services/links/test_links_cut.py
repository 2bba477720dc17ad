"""What a client and a server notice of a cut, whole or in part, over real sockets."""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from services.links.relay import BURST_S
from tests.services.links.exchanges import RESET_ON_CLOSE, SILENCE_S, ask, is_silent
from tests.waiting import eventually

pytestmark = pytest.mark.slow


def test_cut_black_holes_established_connections_and_resets_them_afterwards(links: Any, echo_server: Any) -> None:
    with links.connect() as client:
        assert ask(client) == b"ping"
        links.put("cut")
        client.sendall(b"lost by the old")
        assert is_silent(client)
        assert b"lost by the old" not in echo_server.received
        links.delete("cut")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with links.connect() as client:
        assert ask(client) == b"ping"


def test_an_idle_connection_that_lost_nothing_survives_a_cut(links: Any) -> None:
    with links.connect() as client:
        assert ask(client) == b"ping"
        links.put("cut")
        links.delete("cut")
        assert ask(client) == b"ping"


def test_cut_accepts_new_connections_and_never_answers(links: Any, echo_server: Any) -> None:
    links.put("cut")
    with links.connect() as client:
        client.sendall(b"lost by the new")
        assert is_silent(client)
        assert b"lost by the new" not in echo_server.received
        links.delete("cut")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_cut_hides_the_clients_end_from_the_upstream(links: Any) -> None:
    with links.connect() as client:
        assert ask(client) == b"ping"
        links.put("cut")
        client.shutdown(socket.SHUT_WR)
        assert is_silent(client)  # the upstream would have answered the FIN with its own


def test_cut_hides_the_clients_reset_until_it_is_over(links: Any, echo_server: Any) -> None:
    with links.connect() as client:
        assert ask(client, b"to be reset unheard")
        links.put("cut")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    time.sleep(SILENCE_S)
    assert b"to be reset unheard" not in echo_server.reset
    links.delete("cut")
    eventually(lambda: b"to be reset unheard" in echo_server.reset)


@pytest.mark.parametrize("established", [True, False])
def test_response_cut_lets_requests_arrive(links: Any, echo_server: Any, established: bool) -> None:
    with ExitStack() as stack:
        if established:
            client = stack.enter_context(links.connect())
            assert ask(client) == b"ping"
        links.put("cut", direction="response")
        if not established:
            client = stack.enter_context(links.connect())
        heard = f"heard, unanswered {established}".encode()
        client.sendall(heard)
        assert is_silent(client)
        eventually(lambda: heard in echo_server.received)
        links.delete("cut")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_request_cut_lets_answers_that_are_under_way_arrive(links: Any, echo_server: Any) -> None:
    with links.connect() as client:
        links.put("delay", latency_s=1.0, direction="response")
        client.sendall(b"on its way")
        eventually(lambda: b"on its way" in echo_server.received)
        links.put("cut", direction="request")
        assert client.recv(16) == b"on its way"
        client.sendall(b"lost on the way there")
        assert is_silent(client)
        assert b"lost on the way there" not in echo_server.received


def test_a_partial_cut_goes_on_for_a_client_that_keeps_good_connections_and_replaces_bad_ones(links: Any) -> None:
    count, fraction, lost = 80, 0.3, 0
    links.put("cut", fraction=fraction)
    with ExitStack() as stack:
        client = stack.enter_context(links.connect())
        for _ in range(count):
            time.sleep(2 * BURST_S)
            client.sendall(b"ping")
            if is_silent(client):
                lost += 1
                client.close()
                client = stack.enter_context(links.connect())
            else:
                client.recv(16)
    assert lost == pytest.approx(count * fraction, abs=4 * (count * fraction * (1 - fraction)) ** 0.5)


def test_a_server_learns_that_a_client_gave_up_behind_a_partial_cut(links: Any, echo_server: Any) -> None:
    with links.connect() as client:
        client.sendall(b"heard, then lost")
        eventually(lambda: b"heard, then lost" in echo_server.received)
        links.put("cut", fraction=0.999)
        client.sendall(b"lost")
        time.sleep(SILENCE_S)
    eventually(lambda: b"heard, then lost" in echo_server.reset)


def test_a_cut_loses_its_share_of_messages(links: Any) -> None:
    count, fraction = 200, 0.3
    with ExitStack() as stack:
        clients = [stack.enter_context(links.connect()) for _ in range(count)]
        for client in clients:
            assert ask(client) == b"ping"
        links.put("cut", fraction=fraction)
        for client in clients:
            client.sendall(b"ping")
        waiting = set(clients)
        while answering := select.select(waiting, [], [], 8 * SILENCE_S)[0]:
            waiting -= {client for client in answering if client.recv(16) == b"ping"}
        answered = count - len(waiting)
    five_sigma = 5 * (count * fraction * (1 - fraction)) ** 0.5
    assert count - answered == pytest.approx(count * fraction, abs=five_sigma)
