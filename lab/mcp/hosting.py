"""The investigation API within this process: its app, called without a socket."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lab.mcp.calling import Api

if TYPE_CHECKING:
    from lab.investigation.training import Training

UNHURRIED = 1e6
"""Requests a second: nobody else asks."""


@asynccontextmanager
async def hosted(training: Training) -> AsyncIterator[Api]:
    """The API of a training, as its only user sees it."""
    import httpx2

    from lab.api.app import Tokens, create_app
    from lab.api.security import Rate

    token = secrets.token_urlsafe()
    app = create_app(training, Tokens({token: "solo"}), rate=Rate(UNHURRIED, UNHURRIED))
    client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers={"authorization": f"Bearer {token}"},
    )
    async with _running(app), client:
        yield Api(client)


@asynccontextmanager
async def _running(app: Any) -> AsyncIterator[None]:
    """What a server does for an app beside its requests: says when it begins, and when it ends."""
    import anyio

    said, heard = anyio.create_memory_object_stream[dict[str, str]](2)
    began, ended = anyio.Event(), anyio.Event()

    async def send(message: dict[str, Any]) -> None:
        (began if message["type"].startswith("lifespan.startup") else ended).set()

    async with anyio.create_task_group() as group:
        group.start_soon(app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, heard.receive, send)
        await said.send({"type": "lifespan.startup"})
        await began.wait()
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await said.send({"type": "lifespan.shutdown"})
                await ended.wait()
