"""Runs the feature service: `python -m services.decisions.features`. Environment and endpoints: services/README.md."""

from __future__ import annotations

import asyncio

import uvloop

from lab.worlds.decisions.stack import FEATURES, FEATURES_CONFIG
from services.common.control import Guard
from services.common.settings import Listen, cache_url, conninfo, system, variable
from services.common.telemetry import Telemetry
from services.decisions.features.service import FeatureService


async def run() -> None:
    """Serves until a signal."""
    guard = Guard.of("/healthz")
    telemetry = Telemetry(variable("OTEL_SERVICE_NAME", "features"), variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    try:
        service = FeatureService(system(), telemetry, conninfo(), cache_url(), guard)
        await service.serve(Listen.of("FEATURES_PORT", FEATURES), Listen.of("CONFIG_PORT", FEATURES_CONFIG))
    finally:
        telemetry.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
