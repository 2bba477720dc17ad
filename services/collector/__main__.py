"""Runs the collector: `python -m services.collector`. Environment and endpoints: services/README.md."""

from __future__ import annotations

import asyncio
from pathlib import Path

import redis.asyncio as redis
import uvloop

from lab.agreed import ports
from lab.agreed.telemetry import DATA_DIRECTORY
from services.collector.host import HostSampler
from services.collector.service import OPEN_PATHS, Collector, Sources
from services.collector.serving_metrics import ServingMetrics
from services.collector.statements import StatementLog
from services.collector.store import Store
from services.collector.worker_metrics import WorkerMetrics
from services.common.control import Guard
from services.common.settings import Listen, cache_url, part, system, variable


def targets(text: str) -> dict[str, str]:
    """`component=url` pairs, separated by commas."""
    return dict(pair.split("=", 1) for pair in text.split(",") if pair)


async def serve() -> None:
    """Runs until a signal."""
    topology, guard = system(), Guard.of(*OPEN_PATHS)
    kinds = {component.kind: name for name, component in topology.components.items()}
    cache = redis.from_url(cache_url(), socket_timeout=2.0)
    pages = targets(variable("SCRAPE_TARGETS", ""))
    silent = [name for name, component in topology.components.items() if component.telemetry == "metrics"]
    sources = Sources(
        cache_name=kinds["cache"],
        cache=cache,
        model_name=kinds["model"],
        model_url=variable("MODEL_STATUS_URL", "http://model:8501/v1/models/model"),
        targets=pages,
        statements=StatementLog(Path(variable("STATEMENT_LOG_DIRECTORY", "/var/log/database"))),
        host=HostSampler(),
        model_metrics=ServingMetrics(kinds["model"], variable("MODEL_METRICS_URL", "")),
        workers=[WorkerMetrics(name, pages[name]) for name in silent if name in pages],
    )
    store = Store(Path(variable("DATA_DIRECTORY", DATA_DIRECTORY)))
    collector = Collector(
        store, sources, topology.scrape_interval_s, topology.users, part(), guard,
        variable("FORWARD_TRACES_URL", ""),
    )  # fmt: skip
    await collector.serve(Listen.of("COLLECTOR_PORT", ports.COLLECTOR))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
