"""Passes exported traces on to a further backend, for people to look at: best effort, never in anybody's way."""

from __future__ import annotations

import asyncio

import aiohttp

WAITING_MAX = 200
TIMEOUT_S = 2.0


class Forwarder:
    """Sends bodies to `url` one after the other; drops them when too many wait or the backend does not take them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue(WAITING_MAX)

    def put(self, body: bytes, content_type: str) -> None:
        """Queues a body; never waits."""
        if self._url and not self._waiting.full():
            self._waiting.put_nowait((body, content_type))

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Sends for ever."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        while True:
            body, content_type = await self._waiting.get()
            try:
                async with session.post(
                    self._url, data=body, headers={"Content-Type": content_type}, timeout=timeout
                ) as answer:
                    await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                continue
