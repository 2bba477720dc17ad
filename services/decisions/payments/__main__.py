"""Runs the payment service: `python -m services.decisions.payments`. Environment and endpoints: services/README.md."""

from __future__ import annotations

import asyncio

import uvloop

from lab.worlds.decisions.stack import PAYMENTS, PAYMENTS_CONFIG
from services.common.control import Guard
from services.common.settings import Listen, system, variable
from services.common.telemetry import Telemetry
from services.decisions.payments.service import Addresses, PaymentService


async def run() -> None:
    """Serves until a signal."""
    guard = Guard.of("/healthz")
    telemetry = Telemetry(variable("OTEL_SERVICE_NAME", "payments"), variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    addresses = Addresses(
        features_url=variable("FEATURES_URL", "http://features:8080"),
        model=variable("MODEL_ADDRESS", "model:8500"),
        model_name=variable("MODEL_NAME", "model"),
        rules_url=variable("RULES_URL", "http://rules:8080"),
        analysts_url=variable("ANALYSTS_URL", "http://analysts:8080"),
    )
    try:
        service = PaymentService(system(), telemetry, addresses, guard)
        await service.serve(Listen.of("PAYMENTS_PORT", PAYMENTS), Listen.of("CONFIG_PORT", PAYMENTS_CONFIG))
    finally:
        telemetry.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
