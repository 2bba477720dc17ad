"""Runs the feature service: `python -m services.shop.features`. Environment and endpoints: services/README.md."""

from __future__ import annotations

import asyncio

import uvloop

from lab.worlds.shop.stack import FEATURES, FEATURES_CONFIG
from services.common.control import Guard
from services.common.settings import Listen, cache_url, conninfo, system, variable
from services.common.telemetry import Telemetry
from services.shop.features.service import Addresses, FeatureService, serve


async def run() -> None:
    """Serves until a signal."""
    guard = Guard.of("/healthz")
    telemetry = Telemetry(variable("OTEL_SERVICE_NAME", "features"), variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    addresses = Addresses(
        database=conninfo(),
        cache_url=cache_url(),
        model=variable("MODEL_ADDRESS", "model:8500"),
        model_name=variable("MODEL_NAME", "model"),
        rules_url=variable("RULES_URL", "http://rules:8080"),
    )
    try:
        service = FeatureService(system(), telemetry, addresses, guard)
        await serve(service, Listen.of("FEATURES_PORT", FEATURES), Listen.of("CONFIG_PORT", FEATURES_CONFIG))
    finally:
        telemetry.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
