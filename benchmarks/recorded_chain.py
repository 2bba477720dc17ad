"""A chain of services without a world, run on the simulator and recorded with a sample of its traces."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import process_time

from engine_vs_naive import RATE_PER_S, chain

from lab.scenario import LoadedScenario
from lab.scenario.model import Scenario
from lab.systems.topology import Observe, ServiceTime, System
from lab.testbeds.sim.session import SimSession

TRACES = 0.01


def sampled_chain() -> System:
    """The benchmark's chain in which each request asks the database, 1 % of its traces recorded."""
    system = chain()
    parts = dict(system.components)
    steps = tuple(step.model_copy(update={"unless": None}) for step in parts["features"].steps if step.call)
    parts["features"] = parts["features"].model_copy(update={"steps": steps, "workers": 6})
    quick = ServiceTime.model_validate({"mean": "5ms", "cv": 0.5})
    parts["db"] = parts["db"].model_copy(update={"service_time": quick})
    observe = Observe.model_validate({"scrape_interval": "60s", "sampling": {"traces": TRACES}})
    return system.model_copy(update={"components": parts, "observe": observe, "warmup_s": 0.0})


def recorded(requests: int, rate_per_s: float = RATE_PER_S) -> tuple[float, int]:
    """CPU from the first request to the files of the recording, construction apart; and how many requests came."""
    length = f"{max(requests / rate_per_s, 120):g}s"
    scenario = Scenario.model_validate(
        {
            "schema_version": 1, "name": "chain", "system": "chain", "duration": length,
            "load": {"stages": [{"for": length, "rate": f"{rate_per_s}/s"}]},
        }
    )  # fmt: skip
    session = SimSession(LoadedScenario(scenario, sampled_chain(), Path("chain"), ""), 1)
    began = process_time()
    session.advance(scenario.duration_s)
    observed = session.finish().observed
    with tempfile.TemporaryDirectory() as directory:
        observed.write(Path(directory) / "observed")
    return process_time() - began, round(scenario.requests)
