"""Runs the aggregator: `python -m services.decisions.aggregator`. Environment and endpoints: services/README.md."""

from __future__ import annotations

import asyncio

import redis.asyncio as redis
import uvloop
from redis.backoff import NoBackoff
from redis.retry import Retry

from lab.worlds.decisions.stack import AGGREGATOR
from services.common.control import Guard
from services.common.settings import Listen, cache_url, conninfo, system, variable
from services.common.telemetry import Telemetry
from services.decisions.aggregator.service import AggregatorService


async def serve() -> None:
    """Runs until it is cancelled."""
    topology, guard = system(), Guard.of("/healthz", "/metrics")
    telemetry = Telemetry(variable("OTEL_SERVICE_NAME", "aggregator"), variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    cache = redis.from_url(cache_url(), retry=Retry(NoBackoff(), 0))
    try:
        await AggregatorService(topology, telemetry, conninfo(), cache, guard).serve(
            Listen.of("AGGREGATOR_PORT", AGGREGATOR)
        )
    finally:
        telemetry.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
