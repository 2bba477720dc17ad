"""What a client and a server notice of no fault, and of each but a cut, over real sockets."""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from typing import Any

import pytest

from tests.services.links.exchanges import RESET_ON_CLOSE, ask, digest, exchange, is_silent, round_trips_s
from tests.waiting import eventually, least_s, took_s

pytestmark = pytest.mark.slow

REFUSED = "features->nobody"

# -- without faults


def test_large_payloads_pass_whole_and_half_closed(links: Any) -> None:
    payload = os.urandom(8_000_000)
    with links.connect() as client:
        assert digest(exchange(client, payload)) == digest(payload)


def test_a_slow_reader_holds_the_sender_back_and_loses_nothing(links: Any) -> None:
    payload = os.urandom(4_000_000)
    with links.connect() as client:
        sender = threading.Thread(target=lambda: (client.sendall(payload), client.shutdown(socket.SHUT_WR)))
        sender.start()
        time.sleep(0.2)
        received = bytearray()
        while part := client.recv(262144):
            received += part
        sender.join()
    assert digest(bytes(received)) == digest(payload)


@pytest.mark.parametrize("fault", [{}, {"latency_s": 30}])
def test_what_cannot_be_passed_on_holds_the_sender_back(links: Any, fault: Any) -> None:
    if fault:
        links.put("delay", **fault)
    with links.connect(timeout_s=1) as client, pytest.raises(TimeoutError):
        client.sendall(bytes(100_000_000))  # far more than all socket buffers on the way hold


def test_data_sent_before_the_upstream_is_connected_arrives(links: Any) -> None:
    for _ in range(20):
        with links.connect() as client:
            assert ask(client) == b"ping"


def test_an_upstream_that_refuses_ends_the_clients_connection(links: Any) -> None:
    with pytest.raises(ConnectionResetError), links.connect(REFUSED) as client:
        client.recv(1)


def test_a_clients_reset_reaches_the_upstream(links: Any, echo_server: Any) -> None:
    with links.connect() as client:
        assert ask(client, b"to be reset")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    eventually(lambda: b"to be reset" in echo_server.reset)


# -- delay, drop


@pytest.mark.parametrize(
    ("direction", "added_s"), [({}, 0.05), ({"direction": "response"}, 0.05), ({"direction": "both"}, 0.1)]
)
def test_delay_adds_its_latency_to_each_direction_it_names(links: Any, direction: Any, added_s: float) -> None:
    links.put("delay", latency_s=0.05, **direction)
    with links.connect() as client:
        assert least_s(lambda: min(round_trips_s(client, 5)), below_s=added_s + 0.01) >= added_s - 0.001


def test_jitter_spreads_the_latency(links: Any) -> None:
    links.put("delay", latency_s=0.03, jitter_s=0.01)
    with links.connect() as client:

        def is_spread_as_asked() -> bool:
            times_s = round_trips_s(client, 30)
            mean_s, deviation_s = statistics.mean(times_s), statistics.stdev(times_s)
            return mean_s == pytest.approx(0.03, abs=0.01) and deviation_s == pytest.approx(0.01, rel=0.6)

        eventually(is_spread_as_asked)


def test_reverting_a_delay_releases_what_is_under_way(links: Any) -> None:
    with links.connect() as client:
        links.put("delay", latency_s=30)
        client.sendall(b"ping")
        assert is_silent(client)
        links.delete("delay")
        assert client.recv(16) == b"ping"


def test_jitter_and_drops_keep_the_order_and_lose_nothing(links: Any) -> None:
    links.put("delay", latency_s=0.005, jitter_s=0.005, direction="both")
    links.put("drop", fraction=0.2, timeout_s=0.02, direction="both")
    payload = os.urandom(1_000_000)
    with links.connect() as client:
        assert digest(exchange(client, payload)) == digest(payload)


def test_a_dropped_chunk_waits_a_retransmission_timeout(links: Any) -> None:
    links.put("drop", fraction=0.3, timeout_s=0.1)
    with links.connect() as client:

        def are_late_by_the_timeout() -> bool:
            late = [time_s for time_s in round_trips_s(client, 40) if time_s > 0.05]
            is_share = 2 <= len(late) <= 26  # 12 expected; five sigma
            return is_share and min(late) > 0.095 and statistics.median(late) == pytest.approx(0.1, abs=0.02)

        eventually(are_late_by_the_timeout)


# -- reset, throttle, several


def test_reset_ends_the_connection_at_the_next_passage(links: Any, echo_server: Any) -> None:
    with links.connect() as client:
        assert ask(client) == b"ping"
        links.put("reset", fraction=1)
        client.sendall(b"lost by a reset")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert b"lost by a reset" not in echo_server.received


def test_reset_of_no_connection_is_no_fault(links: Any) -> None:
    links.put("reset", fraction=0)
    with links.connect() as client:
        assert ask(client) == b"ping"


def test_throttle_limits_the_rate(links: Any) -> None:
    links.put("throttle", bytes_per_s=400_000)
    payload = os.urandom(100_000)  # there and back

    def transfer() -> None:
        with links.connect() as client:
            assert digest(exchange(client, payload)) == digest(payload)

    assert least_s(lambda: took_s(transfer), below_s=0.6) > 0.4


def test_throttled_connections_share_the_rate(links: Any) -> None:
    links.put("throttle", bytes_per_s=400_000, direction="response")

    def transfer(began_s: float, ends_s: list[float]) -> None:
        with links.connect() as client:
            payload = os.urandom(100_000)
            assert digest(exchange(client, payload)) == digest(payload)
            ends_s.append(time.monotonic() - began_s)

    def both_end_s() -> list[float]:
        ends_s: list[float] = []
        threads = [threading.Thread(target=transfer, args=(time.monotonic(), ends_s)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(ends_s)

    def take_turns() -> bool:
        first_s, last_s = both_end_s()
        assert last_s > 0.4
        return last_s < 0.6 and first_s > 0.35  # not one after the other

    eventually(take_turns)


def test_reverting_a_throttle_releases_what_is_under_way(links: Any) -> None:
    payload = os.urandom(200_000)
    with links.connect() as client:
        links.put("throttle", bytes_per_s=100)  # more than half an hour
        timer = threading.Timer(0.2, links.delete, ("throttle",))
        timer.start()
        assert digest(exchange(client, payload)) == digest(payload)
        timer.join()


def test_several_faults_hold_at_once_and_end_one_by_one(links: Any) -> None:
    with links.connect() as client:
        links.put("delay", latency_s=0.05)
        links.put("drop", fraction=1, timeout_s=0.1)
        assert least_s(lambda: round_trips_s(client, 1)[0], below_s=0.17) >= 0.149
        links.delete("drop")
        assert least_s(lambda: round_trips_s(client, 1)[0], below_s=0.07) >= 0.049
        links.put("cut")
        client.sendall(b"lost")
        assert is_silent(client)
