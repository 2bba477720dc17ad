"""Messages: calls that nobody waits for. Who sends one goes on at once, and learns nothing of what becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from prometheus_client import Counter

from lab.systems.topology import Step
from services.common.calls import CallFailedError
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext

UNDER_WAY_MAX = 256
"""Messages that are being handed over at a time; what is beyond is lost, as where a sender's buffer is full."""
GIVEN_UP_S = 60.0
"""A receiver that has not taken a message by then never will: its connection is given up."""


class Messages:
    """Sends the messages of one component. `lost` counts, by callee, those that were not handed over."""

    def __init__(self, telemetry: Telemetry, lost: Counter) -> None:
        self._telemetry = telemetry
        self._lost = lost
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, step: Step, parent: TraceContext, operation: Callable[[TraceContext], Awaitable[None]]) -> None:
        """Begins to hand a message over, and leaves a producer's span, which has no length."""
        span, now_ns, callee = parent.child(), time.time_ns(), str(step.call)
        attributes = {"peer.service": callee, "lab.status": "ok", "lab.attempt": 0}
        self._telemetry.span(Span(span, step.name, "producer", now_ns, now_ns, attributes))
        if len(self._under_way) >= UNDER_WAY_MAX:
            self._lost.labels(callee).inc()
            return
        task = asyncio.create_task(self._hand_over(callee, operation, span))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _hand_over(
        self, callee: str, operation: Callable[[TraceContext], Awaitable[None]], span: TraceContext
    ) -> None:
        try:
            async with asyncio.timeout(GIVEN_UP_S):
                await operation(span)
        except (CallFailedError, TimeoutError):
            self._lost.labels(callee).inc()

    async def close(self) -> None:
        """Gives up what is still under way."""
        for task in list(self._under_way):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._under_way, return_exceptions=True)
