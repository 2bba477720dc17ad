"""Bandwidth of a link, shared by its connections in turns."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

_TURN_S = 0.02
"""How much of the link's time one turn takes."""
TIMER_TOLERANCE_S = 0.001
"""uvloop's timers have whole milliseconds and may be early by that much."""
_PIECE_MAX_BYTES = 65536


class Sender(Protocol):
    """Something with bytes to send."""

    def send_piece(self, limit_bytes: int) -> int:
        """Sends at most so many bytes, gets back in line if there are more, and returns how many were sent."""


class Bandwidth:
    """Lets those in line send piece by piece, first come first served, at `bytes_per_s` in all."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._piece_bytes = int(min(max(bytes_per_s * _TURN_S, 1), _PIECE_MAX_BYTES))
        self._free_s = 0.0
        self._line: deque[Sender] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, sender: Sender) -> None:
        """Puts a sender in line; it is called when it may send."""
        self._line.append(sender)
        if self._timer is None:
            self._free_s = max(self._free_s, time.monotonic())  # an idle link saves nothing up
            self._wait()

    def close(self) -> None:
        """Stops all sending."""
        self._line.clear()
        if self._timer:
            self._timer.cancel()

    def _wait(self) -> None:
        delay_s = max(0.0, self._free_s - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._turn)

    def _turn(self) -> None:
        now_s = time.monotonic()
        while self._line and self._free_s - now_s <= TIMER_TOLERANCE_S:
            sent_bytes = self._line.popleft().send_piece(self._piece_bytes)
            self._free_s += sent_bytes / self._bytes_per_s  # a late timer is made up for
        self._timer = None
        if self._line:
            self._wait()
