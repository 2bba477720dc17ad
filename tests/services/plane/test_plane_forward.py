"""Traces that are passed on: the backend gets the very bytes, and its absence is nobody's problem."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import web

from services.collector.forward import WAITING_MAX, Forwarder


async def received(bodies: list[bytes], *, is_up: bool = True) -> list[tuple[bytes, str]]:
    """What a backend on loopback got of these bodies; one that is down the first time, where it is not up."""
    got: list[tuple[bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((await request.read(), request.content_type))
        return web.Response(status=200 if is_up or len(got) > 1 else 503)

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    forwarder = Forwarder(f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces")
    async with aiohttp.ClientSession() as session:
        sending = asyncio.create_task(forwarder.run(session))
        for body in bodies:
            forwarder.put(body, "application/x-protobuf")
        while len(got) < len(bodies):
            await asyncio.sleep(0.01)
        sending.cancel()
    await runner.cleanup()
    return got


def test_bodies_arrive_unchanged_and_in_order() -> None:
    got = asyncio.run(received([b"\x00one", b"two"]))
    assert got == [(b"\x00one", "application/x-protobuf"), (b"two", "application/x-protobuf")]


def test_a_backend_in_trouble_costs_only_what_was_sent_to_it() -> None:
    assert len(asyncio.run(received([b"one", b"two"], is_up=False))) == 2


def test_what_nobody_takes_is_dropped_and_without_an_address_nothing_is_kept() -> None:
    async def fill(url: str) -> int:
        forwarder = Forwarder(url)
        for _ in range(WAITING_MAX + 10):
            forwarder.put(b"", "application/json")
        return forwarder._waiting.qsize()

    assert asyncio.run(fill("http://127.0.0.1:9/")) == WAITING_MAX
    assert asyncio.run(fill("")) == 0
