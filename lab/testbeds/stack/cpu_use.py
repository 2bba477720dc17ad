"""CPU use of the stack's components: measured by every run before its first fault, and kept for checks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError

from lab.files.fileio import read_file, write_file
from lab.judging.steady import first_change_s
from lab.scenario import LoadedScenario
from lab.scenario.model import Scenario
from lab.testbeds.stack.samples import Sample

FILE = "cpu-use.json"
LEAST_INTERVALS = 3
"""Intervals that a figure takes: one alone may hold a checkpoint or a garbage collection."""


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU seconds that a component needs per request of users, and where that is known from."""

    per_request_s: float
    source: str


class _Figure(BaseModel):
    model_config = ConfigDict(extra="forbid")

    per_request_s: NonNegativeFloat
    measured: str
    """The scenario in which it was."""


class _Kept(BaseModel):
    """The file: figures by model server and component."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    figures: dict[str, dict[str, _Figure]] = {}


def known(state: Path, model_server: str, calibrated: Mapping[str, float]) -> dict[str, CpuUse]:
    """CPU use by component: as a run on this stack last measured it, else as `calibrated` (CPU seconds)."""
    uses = {name: CpuUse(cpu_s, "docs/stack.md, Calibration") for name, cpu_s in calibrated.items()}
    for name, figure in _read(state).figures.get(model_server, {}).items():
        uses[name] = CpuUse(figure.per_request_s, f"measured on this stack by {figure.measured}")
    return uses


def keep(state: Path, model_server: str, loaded: LoadedScenario, samples: Iterable[Sample]) -> None:
    """Keeps what a run measured before its first fault or decoy; without room for it, what was known stays."""
    measured = measure(loaded, samples)
    if not measured:
        return
    kept = _read(state)
    figures = {name: _Figure(per_request_s=cpu_s, measured=loaded.scenario.name) for name, cpu_s in measured.items()}
    kept.figures[model_server] = {**kept.figures.get(model_server, {}), **figures}
    with suppress(OSError):
        write_file(state / FILE, kept.model_dump_json(indent=1) + "\n")


def measure(loaded: LoadedScenario, samples: Iterable[Sample]) -> dict[str, float]:
    """CPU seconds per request of users by component, over the whole intervals before the first fault or decoy."""
    scenario, interval_s = loaded.scenario, loaded.system.scrape_interval_s
    until_s = first_change_s(scenario)
    busy: dict[str, list[float]] = defaultdict(list)
    requests: dict[str, list[float]] = defaultdict(list)
    for end_s, component, metric, value in samples:
        if metric == "process.cpu.utilization" and interval_s <= end_s <= until_s:
            busy[component].append(value * loaded.system.components[component].workers)
            requests[component].append(rate_at(scenario, end_s - interval_s / 2))
    return {
        name: round(sum(cpus) / sum(requests[name]), 7)
        for name, cpus in busy.items()
        if len(cpus) >= LEAST_INTERVALS and sum(requests[name]) > 0
    }


def rate_at(scenario: Scenario, at_s: float) -> float:
    """Requests a second that users send at a time, without surges."""
    begun_s = 0.0
    for stage in scenario.stages:
        begun_s += stage.for_s
        if at_s < begun_s:
            return stage.rate_per_s
    return scenario.stages[-1].rate_per_s


def greatest_rate(scenario: Scenario, from_s: float, until_s: float) -> float:
    """The greatest rate of the load's stages between two times."""
    begun_s, rates = 0.0, []
    for stage in scenario.stages:
        if begun_s < until_s and begun_s + stage.for_s > from_s:
            rates.append(stage.rate_per_s)
        begun_s += stage.for_s
    return max(rates, default=0.0)


def _read(state: Path) -> _Kept:
    """The file; one that is not there, or not whole, knows nothing."""
    try:
        return _Kept.model_validate(json.loads(read_file(state / FILE)))
    except (OSError, ValueError, ValidationError):
        return _Kept()
