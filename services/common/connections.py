"""Connections to the database, kept for later requests: made a few at a time, and never in vain.

A request gives up after its own timeout. Were its half-made connection given up with it, a service that lost all of its
connections on a busy machine would never have one again: each one starts, and none is ready in time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

AT_ONCE_MAX = 6
"""Connections that are being made at a time: more of them would only keep each other from the CPU."""
MAKE_WITHIN_S = 0.5
"""What takes longer goes nowhere; another is tried, so that the end of an outage is noticed soon."""

Link = TypeVar("Link")


class Connections(Generic[Link]):
    """A pool; `make` opens one connection."""

    def __init__(self, make: Callable[[], Awaitable[Link]]) -> None:
        self._make = make
        self._idle: deque[Link] = deque()
        self._waiting: deque[asyncio.Future[Link]] = deque()
        self._unmade: deque[asyncio.Future[Link]] = deque()
        """Those of the waiting for whom no connection is being made yet."""
        self._making: set[asyncio.Task[None]] = set()

    async def take(self) -> Link:
        """An idle connection, or the first that is given back or made.

        What `make` raises; TimeoutError where it takes too long.
        """
        if self._idle:
            return self._idle.popleft()
        turn: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._unmade.append(turn)
        self._begin()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give(turn.result())  # it was ready when no request waited any more
            raise

    def give(self, connection: Link) -> None:
        """Takes back a working connection; the request that has waited longest gets it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._idle.append(connection)

    def idle(self) -> list[Link]:
        """Takes all idle connections out, and begins no more."""
        for one in (*self._waiting, *self._making):
            one.cancel()
        found = list(self._idle)
        self._idle.clear()
        return found

    def _begin(self) -> None:
        """Begins connections for those who wait, as many as may be made at a time."""
        while self._unmade and len(self._making) < AT_ONCE_MAX:
            turn = self._unmade.popleft()
            if not turn.done():
                self._making.add(asyncio.create_task(self._made(turn)))

    async def _made(self, turn: asyncio.Future[Link]) -> None:
        """Makes a connection for a request; the next request gets it if the first one found another, or gave up."""
        try:
            async with asyncio.timeout(MAKE_WITHIN_S):
                connection = await self._make()
        except Exception as error:  # theirs to handle
            if not turn.done():
                turn.set_exception(error)
        else:
            self.give(connection)
        finally:
            self._making.discard(asyncio.current_task())  # type: ignore[arg-type]
            self._begin()
