"""What a client of the fault proxy does on its connection, and what it gets."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time

from tests.waiting import PATIENCE_S

SILENCE_S = 0.25
"""Long enough for an answer that takes well under a millisecond."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def ask(client: socket.socket, data: bytes = b"ping") -> bytes:
    """Sends and waits for as much to come back; b"" when the connection ends first."""
    client.sendall(data)
    answer = b""
    while len(answer) < len(data):
        part = client.recv(65536)
        if not part:
            return b""
        answer += part
    return answer


def is_silent(client: socket.socket) -> bool:
    """True when nothing comes, not even the end."""
    client.settimeout(SILENCE_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)
    return False


def round_trips_s(client: socket.socket, count: int) -> list[float]:
    """The times of so many exchanges, one after the other."""
    times_s = []
    for _ in range(count):
        start_s = time.monotonic()
        assert ask(client) == b"ping"
        times_s.append(time.monotonic() - start_s)
    return times_s


def exchange(client: socket.socket, payload: bytes) -> bytes:
    """Sends everything and a FIN while reading to the end."""

    def send() -> None:
        client.sendall(payload)
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    received = bytearray()
    while part := client.recv(262144):
        received += part
    sender.join()
    return bytes(received)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
