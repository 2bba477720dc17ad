"""Connections to the database, kept for later requests: made a few at a time, and never in vain.

A request gives up after its own timeout. Were its half-made connection given up with it, a service that lost all of its
connections on a busy machine would never have one again: everybody starts, and nobody gets there in time.
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
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)
        self._making: set[asyncio.Task[Link]] = set()

    async def take(self) -> Link:
        """An idle connection, or a new one. What `make` raises; TimeoutError where it takes too long."""
        if not self._idle:
            await self._slots.acquire()
            if not self._idle:
                task = asyncio.create_task(self._made())
                self._making.add(task)
                task.add_done_callback(self._making.discard)
                try:
                    return await asyncio.shield(task)
                except asyncio.CancelledError:
                    task.add_done_callback(self._keep)
                    raise
            self._slots.release()  # one was given back while this one waited
        return self._idle.popleft()

    def give(self, connection: Link) -> None:
        """Takes back a connection that is well."""
        self._idle.append(connection)

    def idle(self) -> list[Link]:
        """Takes all idle connections out, and begins no more."""
        for task in self._making:
            task.cancel()
        found = list(self._idle)
        self._idle.clear()
        return found

    async def _made(self) -> Link:
        """A new connection; frees the slot that was taken for it, however long whoever asked for it waited."""
        try:
            async with asyncio.timeout(MAKE_WITHIN_S):
                return await self._make()
        finally:
            self._slots.release()

    def _keep(self, task: asyncio.Task[Link]) -> None:
        """Whoever asked for the connection did not wait for it; the next one need not."""
        if not task.cancelled() and task.exception() is None:
            self.give(task.result())
