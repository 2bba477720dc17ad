"""Services whose endpoints stand beside work of their own (aiohttp): served until a signal, and how runs are read."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aiohttp import web

from lab.agreed.run import Run
from services.common.settings import Listen


async def serve(
    app: web.Application, listen: Listen, ready: Callable[[int], None], work: Sequence[Coroutine[Any, Any, None]]
) -> None:
    """Serves the endpoints and does the work until SIGTERM or SIGINT; `ready` is told the port.

    Work that ends has failed, and its failure ends the service.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, listen.host, listen.port).start()
    ready(runner.addresses[0][1])
    tasks = [asyncio.create_task(part) for part in work]
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task in done:
            task.result()
        task.cancel()
    stopped.cancel()
    await runner.cleanup()


async def run_of(request: web.Request) -> Run:
    """The run that a request announces; ValueError or TypeError where it announces none."""
    return Run.from_json(json.loads(await request.read()))


def refused(error: Exception, status: int = 400) -> web.Response:
    """The answer to a request that cannot be met."""
    return web.json_response({"error": str(error)}, status=status)
