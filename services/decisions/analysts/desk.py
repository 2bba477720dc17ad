"""The analysts' desk: a bounded queue, workers who take their time, and what becomes of payments in it."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from lab.systems.topology import Component, ServiceTime
from services.common.trace import TraceContext


class Held(NamedTuple):
    """A payment that waits; `arrived_s` by the monotonic clock."""

    context: TraceContext
    arrived_s: float


class Desk:
    """Workers and queue of a component of the topology, in real seconds. `looked` is told of each payment looked at.

    Who has waited for `max_wait` is turned away, as is who finds the queue full.
    """

    def __init__(
        self, component: Component, registry: CollectorRegistry, looked: Callable[[TraceContext], None]
    ) -> None:
        assert component.service_time is not None
        assert component.queue is not None
        self._queue_max = component.queue
        self._max_wait_s = component.max_wait_s
        self._workers = component.workers
        self._takes = component.service_time
        self._looked = looked
        self._waiting: deque[Held] = deque()
        self._busy = 0
        self._came = asyncio.Event()
        text = "Time from a payment's arrival until it was looked at."
        bounds_s = (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
        self._durations = Histogram("server_request_duration_seconds", text, buckets=bounds_s, registry=registry)
        self._waits = Summary("server_queue_wait_seconds", "Time until an analyst took it.", registry=registry)
        self._shed = Counter("server_queue_shed", "Payments turned away.", registry=registry)
        length = Gauge("server_queue_length", "Payments that wait.", registry=registry)
        length.set_function(lambda: len(self._current()))
        Gauge("server_worker_count", "Analysts who look at one.", registry=registry).set_function(lambda: self._busy)

    def put(self, context: TraceContext) -> bool:
        """Takes a payment in; False where the queue is full."""
        waiting = self._current()
        free = self._workers - self._busy
        if len(waiting) >= self._queue_max + free:
            self._shed.inc()
            return False
        waiting.append(Held(context, time.monotonic()))
        self._came.set()
        return True

    async def work(self) -> None:
        """Looks at payments for ever, as many at a time as there are workers."""
        await asyncio.gather(*(self._work() for _ in range(self._workers)))

    async def _work(self) -> None:
        while True:
            waiting = self._current()
            if not waiting:
                self._came.clear()
                await self._came.wait()
                continue
            held = waiting.popleft()
            self._waits.observe(time.monotonic() - held.arrived_s)
            self._busy += 1
            try:
                await asyncio.sleep(drawn_s(self._takes))
            finally:
                self._busy -= 1
            self._durations.observe(time.monotonic() - held.arrived_s)
            self._looked(held.context)

    def _current(self) -> deque[Held]:
        """Who waits, without those who have waited too long."""
        since_s = time.monotonic() - self._max_wait_s
        while self._waiting and self._waiting[0].arrived_s <= since_s:
            self._waiting.popleft()
            self._shed.inc()
        return self._waiting


def drawn_s(takes: ServiceTime) -> float:
    """How long one looks at a payment: lognormal."""
    variance = math.log1p(takes.cv**2)
    return takes.mean_s * random.lognormvariate(-variance / 2, math.sqrt(variance))
