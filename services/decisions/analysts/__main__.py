"""Runs the analysts: `python -m services.decisions.analysts`. Environment and endpoints: services/README.md."""

from __future__ import annotations

import asyncio

import uvloop

from lab.worlds.decisions.stack import ANALYSTS
from services.common.settings import Listen, system, variable
from services.common.telemetry import Telemetry
from services.decisions.analysts.service import AnalystService


async def run() -> None:
    """Serves until a signal."""
    telemetry = Telemetry(variable("OTEL_SERVICE_NAME", "analysts"), variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    try:
        await AnalystService(system(), telemetry).serve(Listen.of("ANALYSTS_PORT", ANALYSTS))
    finally:
        telemetry.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
